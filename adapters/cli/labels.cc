#include "adapters/cli/labels.h"

#include <algorithm>
#include <array>
#include <span>

#include "adapters/cli/labels_tables.h"
#include "eventstore/base/status.h"
#include "services/core/code_name.h"

namespace polku::cli {
namespace {

struct EventName {
  std::string_view type;
  Texts texts;
};
constexpr std::array kEvents = {
    EventName{"polku.referral.v1.ClientIdentified",
              {"Asiakkaan tiedot", "Klientens uppgifter", "Client identified"}},
    EventName{"polku.referral.v1.NeedIdentified",
              {"Tarve tunnistettu", "Behov identifierat", "Need identified"}},
    EventName{"polku.referral.v1.ServiceNeedAssessed",
              {"Palvelutarve arvioitu", "Servicebehov bedömt", "Service need assessed"}},
    EventName{"polku.referral.v1.PlanDrafted",
              {"Suunnitelma laadittu", "Plan utarbetad", "Plan drafted"}},
    EventName{"polku.referral.v1.PlanSigned",
              {"Suunnitelma allekirjoitettu", "Plan undertecknad", "Plan signed"}},
    EventName{"polku.referral.v1.ReferralMade", {"Lähete", "Remiss", "Referral made"}},
    EventName{"polku.referral.v1.ReferralStatusChanged",
              {"Lähetteen tila muuttui", "Remissens status ändrad", "Referral status changed"}},
    EventName{"polku.referral.v1.PlaceAnswered",
              {"Paikkavastaus", "Svar om plats", "Place answered"}},
    EventName{
        "polku.referral.v1.IntroductoryVisitArranged",
        {"Tutustumiskäynti sovittu", "Bekantningsbesök avtalat", "Introductory visit arranged"}},
    EventName{"polku.referral.v1.IntroductoryVisitHeld",
              {"Tutustumiskäynti", "Bekantningsbesök", "Introductory visit held"}},
    EventName{
        "polku.referral.v1.NetworkMeetingCalled",
        {"Kutsu verkostotapaamiseen", "Kallelse till nätverksmöte", "Network meeting called"}},
    EventName{"polku.referral.v1.NetworkMeetingHeld",
              {"Verkostotapaaminen", "Nätverksmöte", "Network meeting held"}},
    EventName{"polku.referral.v1.CommitmentConfirmed",
              {"Sitoutuminen tehtävään", "Åtagande bekräftat", "Commitment confirmed"}},
    EventName{"polku.referral.v1.AgreementMade", {"Sopimus", "Avtal", "Agreement made"}},
    EventName{"polku.referral.v1.DecisionMade", {"Päätös", "Beslut", "Decision made"}},
    EventName{"polku.referral.v1.AuthorityNotified",
              {"Ilmoitus työvoimaviranomaiselle", "Anmälan till arbetskraftsmyndigheten",
               "Employment authority notified"}},
    EventName{"polku.referral.v1.PayerStatementGiven",
              {"Työvoimapoliittinen lausunto", "Arbetskraftspolitiskt utlåtande",
               "Statement to the payer"}},
    EventName{"polku.referral.v1.ServiceStarted",
              {"Palvelu alkoi", "Servicen inleddes", "Service started"}},
    EventName{"polku.referral.v1.ServiceExtended",
              {"Palvelua jatkettiin", "Servicen förlängdes", "Service extended"}},
    EventName{"polku.referral.v1.ServiceChanged",
              {"Palvelu muuttui", "Servicen ändrades", "Service changed"}},
    EventName{"polku.referral.v1.ServiceInterrupted",
              {"Palvelu keskeytyi", "Servicen avbröts", "Service interrupted"}},
    EventName{"polku.referral.v1.ServiceResumed",
              {"Palvelu jatkuu keskeytyksen jälkeen", "Servicen återupptogs", "Service resumed"}},
    EventName{"polku.referral.v1.ServiceEnded",
              {"Palvelu päättyi", "Servicen avslutades", "Service ended"}},
    EventName{"polku.referral.v1.FollowUpRecorded", {"Seuranta", "Uppföljning", "Follow-up"}},
    EventName{"polku.referral.v1.CaseManagerNamed",
              {"Asiakasvastaava nimetty", "Klientansvarig utsedd", "Case manager named"}},
    EventName{"polku.referral.v1.NoCaseManagerNamed",
              {"Asiakasvastaavaa ei ole nimetty", "Ingen klientansvarig utsedd",
               "No case manager named"}},
    EventName{"polku.referral.v1.OrganiserTransferred",
              {"Organisaatio vaihtui", "Organisationen bytte", "Organisation changed"}},
    EventName{"polku.referral.v1.CasesLinked",
              {"Asiat yhdistetty toisiinsa", "Ärenden sammankopplade", "Cases linked"}},
    EventName{"polku.referral.v1.CasesUnlinked",
              {"Asioiden yhdistäminen purettu", "Koppling av ärenden upphävd", "Cases unlinked"}},
    EventName{"polku.referral.v1.PlaceListed",
              {"Paikka luettelossa", "Plats i platskatalogen", "Place listed"}},
    EventName{"polku.referral.v1.PlaceWithdrawn",
              {"Paikka poistettu luettelosta", "Plats borttagen ur platskatalogen",
               "Place withdrawn"}},
    EventName{"polku.referral.v1.SocialServiceNoted",
              {"Muu palvelu", "Annan service", "Other service noted"}},
    EventName{"polku.referral.v1.HealthServiceNoted",
              {"Terveyspalvelu", "Hälsotjänst", "Health service noted"}},
    EventName{"polku.referral.v1.BenefitRecorded", {"Etuus", "Förmån", "Benefit recorded"}},
    EventName{"polku.referral.v1.CaseClosed",
              {"Asiakkuus päättyi", "Klientrelationen avslutades", "Case closed"}},
    EventName{"polku.attendance.v1.PeriodOpened",
              {"Läsnäolon seuranta avattu", "Närvarouppföljning öppnad", "Attendance opened"}},
    EventName{"polku.attendance.v1.PeriodClosed",
              {"Läsnäolon seuranta suljettu", "Närvarouppföljning stängd", "Attendance closed"}},
    EventName{"polku.attendance.v1.DayRecorded",
              {"Päivämerkintä", "Daganteckning", "Day recorded"}},
    EventName{"polku.attendance.v1.DayCorrected",
              {"Päivämerkinnän korjaus", "Rättad daganteckning", "Day corrected"}},
    EventName{"polku.attendance.v1.DaysPlanned",
              {"Suunnitellut päivät", "Planerade dagar", "Days planned"}},
    EventName{"polku.attendance.v1.MonthConfirmed",
              {"Kuukausi vahvistettu", "Månaden bekräftad", "Month confirmed"}},
    EventName{"polku.attendance.v1.DayCorrectionProposed",
              {"Korjausehdotus", "Föreslagen rättelse", "Day correction proposed"}},
    EventName{"polku.attendance.v1.DayCorrectionDecided",
              {"Korjausehdotus ratkaistu", "Föreslagen rättelse avgjord",
               "Day correction decided"}},
    EventName{"polku.attendance.v1.GroupJoined",
              {"Liittyi ryhmään", "Kom med i gruppen", "Joined group"}},
    EventName{"polku.attendance.v1.GroupLeft",
              {"Lähti ryhmästä", "Lämnade gruppen", "Left group"}},
    EventName{"polku.attendance.v1.AlertRaised", {"Hälytys", "Larm", "Alert raised"}},
    EventName{"polku.attendance.v1.AlertCleared",
              {"Hälytys poistui", "Larmet upphävt", "Alert cleared"}},
    EventName{"polku.attendance.v1.AbsenceNoticeSent",
              {"Poissaoloilmoitus", "Frånvaroanmälan", "Absence notice sent"}},
    EventName{"polku.attendance.v1.RuleBreachFlagged",
              {"Sääntöpoikkeama", "Avvikelse från reglerna", "Rule breach flagged"}},
    EventName{"polku.attendance.v1.RuleBreachCleared",
              {"Sääntöpoikkeama poistui", "Avvikelsen undanröjd", "Rule breach cleared"}},
    EventName{"polku.attendance.v1.VisitorsCounted",
              {"Kävijämäärä", "Antal besökare", "Visitors counted"}},
    EventName{"polku.compensation.v1.AllowanceAccrued",
              {"Korvaus kertyi", "Ersättning intjänad", "Allowance accrued"}},
    EventName{"polku.compensation.v1.AllowanceReversed",
              {"Korvauksen kertymä peruttu", "Intjänad ersättning återförd", "Allowance reversed"}},
    EventName{"polku.compensation.v1.TravelMeansChosen",
              {"Matkustustapa valittu", "Färdsätt valt", "Means of travel chosen"}},
    EventName{"polku.compensation.v1.TravelClaimed",
              {"Matkakorvaushakemus", "Ansökan om reseersättning", "Travel claimed"}},
    EventName{"polku.compensation.v1.TravelClaimRejected",
              {"Matkakorvaushakemus hylätty", "Ansökan om reseersättning avslagen",
               "Travel claim rejected"}},
    EventName{"polku.compensation.v1.TravelGranted",
              {"Matkakorvaus myönnetty", "Reseersättning beviljad", "Travel granted"}},
    EventName{"polku.compensation.v1.TravelReversed",
              {"Matkakorvaus peruttu", "Reseersättning återförd", "Travel reversed"}},
    EventName{"polku.compensation.v1.PerkGiven", {"Etu annettu", "Förmån given", "Perk given"}},
    EventName{"polku.compensation.v1.PerkWithdrawn",
              {"Etu peruttu", "Förmån återtagen", "Perk withdrawn"}},
    EventName{"polku.compensation.v1.PaymentProposed",
              {"Maksuehdotus", "Betalningsförslag", "Payment proposed"}},
    EventName{"polku.compensation.v1.PaymentApproved",
              {"Maksu hyväksytty", "Betalning godkänd", "Payment approved"}},
    EventName{"polku.compensation.v1.PaymentPaid", {"Maksettu", "Betald", "Payment paid"}},
    EventName{"polku.compensation.v1.PaymentRejected",
              {"Maksuehdotus hylätty", "Betalningsförslag förkastat", "Payment rejected"}},
    EventName{"polku.compensation.v1.PaymentReversed",
              {"Maksun palautus", "Återförd betalning", "Payment reversed"}},
    EventName{"polku.assessment.v1.AssessmentDue",
              {"Arviointi tehtävä", "Bedömning ska göras", "Assessment due"}},
    EventName{"polku.assessment.v1.FeedbackDue",
              {"Palaute pyydettävä", "Respons ska begäras", "Feedback due"}},
    EventName{"polku.assessment.v1.DueCancelled",
              {"Tehtävä poistui", "Uppgiften föll bort", "Due cancelled"}},
    EventName{"polku.assessment.v1.KykyviisariRecorded",
              {"Kykyviisari", "Kykyviisari (Förmågemätaren)", "Kykyviisari (Abilitator)"}},
    EventName{"polku.assessment.v1.InterimEvaluationMade",
              {"Väliarviointi", "Mellanutvärdering", "Interim evaluation"}},
    EventName{"polku.assessment.v1.FinalEvaluationMade",
              {"Loppuarviointi", "Slututvärdering", "Final evaluation"}},
    EventName{"polku.assessment.v1.WorkAbilityAssessed",
              {"Työkyky arvioitu", "Arbetsförmåga bedömd", "Work ability assessed"}},
    EventName{"polku.assessment.v1.FeedbackGiven", {"Palaute", "Respons", "Feedback given"}},
    EventName{"polku.assessment.v1.CompetenceRecognised",
              {"Osaaminen tunnistettu", "Kunnande identifierat", "Competence recognised"}},
    EventName{"polku.access.v1.PartyAdded", {"Osapuoli lisätty", "Part tillagd", "Party added"}},
    EventName{"polku.access.v1.PartyRemoved", {"Osapuoli poistettu", "Part borttagen", "Party removed"}},
    EventName{"polku.access.v1.Disclosed",
              {"Aiempia merkintöjä luovutettu", "Tidigare anteckningar utlämnade", "Earlier entries disclosed"}},
    EventName{"polku.access.v1.CorrectionRequested", {"Oikaisupyyntö", "Begäran om rättelse", "Correction requested"}},
    EventName{"polku.access.v1.CorrectionDecided",
              {"Oikaisupyyntö ratkaistu", "Begäran om rättelse avgjord", "Correction decided"}},
    EventName{"polku.access.v1.AccessRecorded", {"Tietoja katseltu", "Uppgifter har lästs", "Data read"}},
    EventName{"polku.access.v1.ErasureRequested", {"Poistopyyntö", "Begäran om radering", "Erasure requested"}},
    EventName{"polku.access.v1.ErasureConfirmed", {"Poisto vahvistettu", "Radering bekräftad", "Erasure confirmed"}},
    EventName{"polku.access.v1.ErasureCancelled", {"Poisto peruttu", "Radering återkallad", "Erasure cancelled"}},
    // Control entries: a log's own, of no case.
    EventName{"polku.event.v1.Genesis", {"Lokin alku", "Loggens början", "Log begun"}},
    EventName{"polku.event.v1.KeyChanged", {"Avain vaihdettu", "Nyckel bytt", "Key changed"}},
    EventName{"polku.event.v1.Erased", {"Tietoja poistettu", "Uppgifter raderade", "Data erased"}},
    EventName{"polku.event.v1.ErasureAnswered",
              {"Vastaus poistoon", "Svar på radering", "Erasure answered"}},
    EventName{"polku.event.v1.SchemaAdded",
              {"Tietorakenne lisätty", "Datastruktur tillagd", "Schema added"}},
    EventName{"polku.event.v1.AgreementChanged",
              {"Tietojenvaihtosopimus muuttui", "Avtalet om informationsutbyte ändrat",
               "Agreement changed"}},
    EventName{"polku.event.v1.RulesChanged",
              {"Säännöt muuttuivat", "Reglerna ändrade", "Rules changed"}},
};

struct WordTexts {
  Word word;
  Texts texts;
};
constexpr std::array kWords = {
    WordTexts{Word::kSealed, {"ei nähtävissä", "inte synligt", "sealed"}},
    WordTexts{Word::kErasedOn, {"poistettu", "raderat", "erased on"}},
    WordTexts{Word::kEntriesErased,
              {"Asian merkintöjä on poistettu lokista", "Anteckningar om ärendet har raderats ur loggen",
               "Entries of the case were erased from the log"}},
    WordTexts{Word::kOfficial, {"virkailija", "tjänsteman", "official"}},
    WordTexts{Word::kCase, {"Asia", "Ärende", "Case"}},
    WordTexts{Word::kHeldBy, {"sellaisena kuin sen näkee", "såsom det syns för", "as seen by"}},
    WordTexts{Word::kAsOf, {"tilanne", "läget", "as of"}},
    WordTexts{Word::kValidOn, {"tapahtunut viimeistään", "inträffat senast", "valid on"}},
    WordTexts{Word::kKnownTo, {"tiedossa", "känt av", "known to"}},
    WordTexts{Word::kKnew, {"tiesi", "kände till", "knew"}},
    WordTexts{Word::kConcurrent,
              {"samanaikainen, ei tiennyt", "samtidig, kände inte till", "concurrent, unaware of"}},
    WordTexts{Word::kMore, {"muuta", "till", "more"}},
    WordTexts{Word::kOwnLog, {"oma loki", "egen logg", "its own log"}},
    WordTexts{Word::kCosigned, {"allekirjoitti", "undertecknade", "cosigned"}},
    WordTexts{Word::kNotCosigned,
              {"ei allekirjoitusta siihen mennessä", "ingen underskrift då", "no cosignature by then"}},
    WordTexts{Word::kAtAGlance, {"Yhteenveto", "Sammandrag", "At a glance"}},
    WordTexts{Word::kAttended, {"läsnäolopäiviä", "närvarodagar", "attended days"}},
    WordTexts{Word::kAbsences, {"poissaoloja", "frånvarodagar", "absences"}},
    WordTexts{Word::kNotHeld, {"ei järjestetty", "inte ordnat", "not held"}},
    WordTexts{Word::kAllowance, {"korvaus", "ersättning", "allowance"}},
    WordTexts{Word::kTravel, {"matkat", "resor", "travel"}},
    WordTexts{Word::kPerks, {"edut", "förmåner utöver pengar", "perks"}},
    WordTexts{Word::kAssessed, {"arvioinnit", "bedömningar", "assessed"}},
    WordTexts{Word::kDue, {"avoinna", "öppna", "due"}},
    WordTexts{Word::kStatus, {"tilanne", "status", "status"}},
    WordTexts{Word::kBenefits, {"etuudet", "förmåner", "benefits"}},
    WordTexts{Word::kParallel, {"muut palvelut", "andra tjänster", "parallel services"}},
    WordTexts{Word::kNothing, {"ei mitään", "inget", "none"}},
    WordTexts{Word::kAbsenceProvesNothing,
              {"Tämä ei osoita, ettei viranomainen tiennyt: vain vahvistettu vastaanotto voidaan osoittaa.",
               "Detta visar inte att myndigheten inte kände till något: endast bekräftat mottagande kan visas.",
               "This does not show that the agency did not know: only receipt that was confirmed can be shown."}},
    WordTexts{Word::kNotYetCorrected,
              {"Oikaisu hyväksytty, ei vielä tehty", "Rättelse godkänd, ännu inte gjord",
               "Correction approved, not yet corrected"}},
    WordTexts{Word::kHeaderOnly,
              {"sisältö ei nähtävissä", "innehållet är inte synligt", "content sealed"}},
    WordTexts{Word::kRecorded, {"kirjattu", "antecknat", "recorded"}},
    WordTexts{Word::kInKind, {"annettu esineenä", "in natura", "in kind"}},
    WordTexts{Word::kYes, {"kyllä", "ja", "yes"}},
    WordTexts{Word::kNo, {"ei", "nej", "no"}},
    WordTexts{Word::kFeedback, {"palaute", "respons", "feedback"}},
    WordTexts{Word::kReferral, {"lähete", "remiss", "referral"}},
    WordTexts{Word::kNotStarted, {"ei alkanut", "inte inledd", "not started"}},
    WordTexts{Word::kRunning, {"käynnissä", "pågår", "running"}},
    WordTexts{Word::kInterrupted, {"keskeytynyt", "avbruten", "interrupted"}},
    WordTexts{Word::kEnded, {"päättynyt", "avslutad", "ended"}},
    WordTexts{Word::kClosed, {"asiakkuus päättynyt", "klientrelationen avslutad", "closed"}},
    WordTexts{Word::kCaseColumn, {"asia", "ärende", "case"}},
    WordTexts{Word::kClient, {"asiakas", "klient", "client"}},
    WordTexts{Word::kCases, {"asioita", "ärenden", "cases"}},
    WordTexts{Word::kLog, {"loki", "logg", "log"}},
    WordTexts{Word::kOwn, {"oma", "egen", "own"}},
    WordTexts{Word::kEntries, {"merkintöjä", "anteckningar", "entries"}},
    WordTexts{Word::kHeld, {"hallussa", "innehas", "held"}},
    WordTexts{Word::kWithheld, {"ei luovutettu", "inte utlämnade", "withheld"}},
    WordTexts{Word::kSealedInPart, {"osin nähtävissä", "delvis synliga", "sealed in part"}},
    WordTexts{Word::kPlace, {"paikka", "plats", "place"}},
    WordTexts{Word::kDay, {"päivä", "dag", "day"}},
    WordTexts{Word::kVisitors, {"kävijöitä", "besökare", "visitors"}},
    WordTexts{Word::kChildren, {"joista lapsia", "varav barn", "of them children"}},
    WordTexts{Word::kServiceClients,
              {"joista palvelun asiakkaita", "varav klienter i servicen", "of them service clients"}},
    WordTexts{Word::kOtherPlacesNotSeen,
              {"Määriä paikoista, joiden osapuoli tämä organisaatio ei ole, ei näy täällä, ellei sopimus anna niitä sille.",
               "Antal från platser som denna organisation inte är part i syns inte här, om avtalet inte ger dem till den.",
               "Counts of places that this agency is no party of are not seen here, unless the agreement gives them to it."}},
    WordTexts{Word::kName, {"nimi", "namn", "name"}},
    WordTexts{Word::kCapacity, {"paikkoja", "platser", "capacity"}},
    WordTexts{Word::kToCome, {"tulossa", "på väg in", "to come"}},
    WordTexts{Word::kFree, {"vapaana", "lediga", "free"}},
    WordTexts{Word::kWaiting, {"jonossa", "i kö", "waiting"}},
    WordTexts{Word::kAnyPlace, {"mikä tahansa paikka", "vilken plats som helst", "any place"}},
    WordTexts{Word::kPlaceClosed, {"suljettu", "stängd", "closed"}},
    WordTexts{Word::kNotListed, {"ei luettelossa", "inte i katalogen", "not listed"}},
    WordTexts{Word::kOverCapacity, {"yli", "över", "over by"}},
    WordTexts{Word::kOtherPlacesWithheld,
              {"Vain tämän organisaation hallussa olevat merkinnät: muut voivat viedä paikkoja, joita ei näy täällä.",
               "Endast anteckningar som denna organisation innehar: andra kan uppta platser som inte syns här.",
               "Only what this agency holds: others may take places that are not seen here."}},
    WordTexts{Word::kContradictory,
              {"ristiriitaiset toimet", "motstridiga åtgärder", "contradictory acts"}},
    WordTexts{Word::kOverruledBy, {"väistyy:", "viker för:", "gives way to:"}},
    WordTexts{Word::kLinkedCases, {"samaa henkilöä", "samma person", "same person"}},
    WordTexts{Word::kOverdue, {"myöhässä", "försenad", "overdue"}},
    WordTexts{Word::kKykyviisari, {"Kykyviisari", "Förmågemätaren", "Abilitator"}},
    WordTexts{Word::kWorkAbilityRating, {"oma arvio työkyvystä", "egen bedömning av arbetsförmågan", "own rating of work ability"}},
    WordTexts{Word::kFunctioningRating,
              {"oma arvio toimintakyvystä", "egen bedömning av funktionsförmågan", "own rating of functioning"}},
    WordTexts{Word::kProvider, {"palveluntuottaja", "serviceproducent", "provider"}},
    WordTexts{Word::kPeriodsEnded, {"päättyneitä jaksoja", "avslutade perioder", "periods ended"}},
    WordTexts{Word::kClosingFeedback, {"joista loppupalaute", "varav slutrespons", "with closing feedback"}},
    WordTexts{Word::kForms, {"arviointilomakkeita", "bedömningsblanketter", "evaluation forms"}},
    WordTexts{Word::kPartsFilled, {"osia täytetty", "delar ifyllda", "parts filled"}},
    WordTexts{Word::kTotal, {"yhteensä", "totalt", "total"}},
    WordTexts{Word::kBatch, {"erä", "parti", "batch"}},
    WordTexts{Word::kRule, {"sääntö", "regel", "rule"}},
    WordTexts{Word::kRuleSource,
              {"säännön lähde, profiilin sanoin", "regelns källa, med profilens ord",
               "source of the rule, in the profile's words"}},
    WordTexts{Word::kAlerts, {"hälytykset", "larm", "alerts"}},
    WordTexts{Word::kOpenBreaches, {"avoimia poikkeamia", "öppna avvikelser", "open breaches"}},
    WordTexts{Word::kCommitments, {"avoimet tehtävät", "öppna uppgifter", "open commitments"}},
    WordTexts{Word::kNotCommitted, {"ei vielä sitoutunut", "ännu inte åtagit sig", "not committed yet"}},
    WordTexts{Word::kCaseManager, {"asiakasvastaava", "klientansvarig", "case manager"}},
    WordTexts{Word::kNobodyNamed, {"ei nimetty", "ingen utsedd", "nobody is named"}},
    WordTexts{Word::kPeriodDays, {"jakson päivät", "periodens dagar", "days of the period"}},
    WordTexts{Word::kTimeOver,
              {"sovittu aika päättynyt, päättymistä ei ole kirjattu",
               "den avtalade tiden är slut, inget slut har antecknats", "agreed time over, no end recorded"}},
    WordTexts{Word::kReplaced, {"korvattu merkinnällä", "ersatt av", "replaced by"}},
    WordTexts{Word::kDoesNotCount,
              {"ei vaikuta: sopimuksen mukaan tämä loki ei voi sanoa tätä",
               "saknar verkan: enligt avtalet kan denna logg inte säga detta",
               "has no effect: by the agreement this log may not say this"}},
    WordTexts{Word::kReplaces, {"korvaa merkinnän", "ersätter", "replaces"}},
    WordTexts{Word::kNeverBegan,
              {"Hyväksytty, ei alkanut; paikkaa ei enää lasketa varatuksi. Pisin odotus sovitusta alusta, päivää:",
               "Godkänd, började inte; platsen räknas inte längre som reserverad. Längsta väntan efter avtalad start, dagar:",
               "Accepted, never began; no place is counted as kept any more. Longest wait after the agreed start, days:"}},
    WordTexts{Word::kEventType, {"tapahtuma", "händelse", "event"}},
};

constexpr std::array<Texts, 5> kSections = {{{"palvelu", "service", "service"},
                                             {"henkilötiedot", "identitet", "identity"},
                                             {"sosiaalihuolto", "socialvård", "social"},
                                             {"terveys", "hälsa", "health"},
                                             {"maksut", "betalning", "payment"}}};

// The services of Polku, by the name in their origin.
constexpr std::array<LabelRow, 5> kServices = {{
    {"referral", {"palveluun ohjaus", "hänvisning till service", "referral"}},
    {"attendance", {"läsnäolo", "närvaro", "attendance"}},
    {"compensation", {"korvaukset", "ersättningar", "compensation"}},
    {"assessment", {"arvioinnit", "bedömningar", "assessments"}},
    {"audit", {"tarkastus", "granskning", "audit"}},
}};

size_t Index(Language language) { return static_cast<size_t>(language); }

constexpr std::array<std::string_view, 3> kLanguages = {"fi", "sv", "en"};

const LabelRow* FindRow(std::span<const LabelRow> rows, std::string_view key) {
  for (const LabelRow& row : rows) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

// Empty where the schema's own name serves.
std::string_view TextOf(const LabelRow* row, Language language) {
  return row == nullptr ? "" : row->texts[Index(language)];
}

}  // namespace

std::optional<Language> ParseLanguage(std::string_view text) {
  for (size_t i = 0; i < kLanguages.size(); ++i) {
    if (kLanguages[i] == text) return static_cast<Language>(i);
  }
  return std::nullopt;
}

std::string EventLabel(std::string_view type, Language language) {
  for (const EventName& name : kEvents) {
    if (name.type == type) return std::string(name.texts[Index(language)]);
  }
  return std::string(type);
}

std::string_view SectionLabel(SectionKind kind, Language language) {
  return kSections[static_cast<size_t>(kind) - 1][Index(language)];
}

std::string_view Label(Word word, Language language) {
  for (const WordTexts& entry : kWords) {
    if (entry.word == word) return entry.texts[Index(language)];
  }
  return "";
}

std::string ServiceLabel(std::string_view service, Language language) {
  const std::string_view text = TextOf(FindRow(kServices, service), language);
  return std::string(text.empty() ? service : text);
}

std::string SpokenLanguage(std::string_view code, Language language) {
  constexpr std::array<LabelRow, 3> kSpoken = {{{"fi", {"suomi", "finska", "Finnish"}},
                                                {"sv", {"ruotsi", "svenska", "Swedish"}},
                                                {"en", {"englanti", "engelska", "English"}}}};
  const std::string_view text = TextOf(FindRow(kSpoken, code), language);
  return std::string(text.empty() ? code : text);
}

std::string RuleLabel(const config::v1::Profile& profile, const event::v1::RuleRef& rule,
                      Language language) {
  const std::string id = Str(rule.id(), " v", rule.version());
  for (const auto& name : profile.rule_names()) {
    if (name.rule_id() != rule.id()) continue;
    const std::string& text = language == Language::kFinnish   ? name.finnish()
                              : language == Language::kSwedish ? name.swedish()
                                                               : name.english();
    return text.empty() ? id : Str(text, " (", id, ")");
  }
  return id;
}

std::string AgencyLabel(const config::v1::Agreement& agreement, std::string_view agency,
                        Language language) {
  for (const auto& entry : agreement.agencies()) {
    if (entry.name() != agency || entry.display_names().empty()) continue;
    for (const auto& name : entry.display_names()) {
      if (name.language() == kLanguages[Index(language)]) return name.text();
    }
    return entry.display_names(0).text();
  }
  return std::string(agency);
}

std::string EnumLabel(const google::protobuf::EnumValueDescriptor& value) {
  std::string label = service::CodeName(value);
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

std::string CodeLabel(const google::protobuf::EnumValueDescriptor& value, Language language) {
  const std::string_view text = TextOf(FindRow(CodeRows(), value.name()), language);
  return text.empty() ? EnumLabel(value) : std::string(text);
}

std::string FieldLabel(const google::protobuf::FieldDescriptor& field, Language language) {
  const LabelRow* row = FindRow(FieldRows(), field.full_name());
  if (row == nullptr) row = FindRow(FieldRows(), field.name());
  const std::string_view text = TextOf(row, language);
  if (!text.empty()) return std::string(text);
  std::string name = field.name();
  for (char& c : name) {
    if (c == '_') c = ' ';
  }
  return name;
}

}  // namespace polku::cli
