#include "adapters/cli/report_labels.h"

#include <array>

#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr std::string_view kFeedbackOf = "feedback_of_";
constexpr std::string_view kStepBy = "by_";

constexpr std::array kColumns = {
    LabelRow{"persons", {"asiakkaita", "klienter", "clients"}},
    LabelRow{"periods", {"jaksoja", "perioder", "periods"}},
    LabelRow{"plans", {"suunnitelmia", "planer", "plans"}},
    LabelRow{"days", {"päiviä", "dagar", "days"}},
    LabelRow{"days_in_all", {"päiviä yhteensä", "dagar totalt", "days in all"}},
    LabelRow{"median_days", {"päiviä, mediaani", "dagar, median", "days, median"}},
    LabelRow{"nine_of_ten_within_days",
             {"päiviä, 9/10 viimeistään", "dagar, 9 av 10 senast", "days, nine of ten within"}},
    LabelRow{"overdue", {"kohtia", "ärenden", "items"}},
    LabelRow{"with_final_evaluation", {"loppuarviointi", "slututvärdering", "final evaluation"}},
    LabelRow{"with_all_four_parts", {"josta kaikki 4 osaa", "därav alla 4 delar", "with all 4 parts"}},
    LabelRow{"with_provider_feedback", {"tuottajan palaute", "producentens respons", "provider's feedback"}},
    LabelRow{"with_client_feedback", {"asiakkaan palaute", "klientens respons", "client's feedback"}},
    LabelRow{"satisfaction_answers", {"tyytyväisyysvastauksia", "svar om nöjdhet", "answers on satisfaction"}},
    LabelRow{"satisfaction_sum",
             {"tyytyväisyys (1–4), keskiarvo", "nöjdhet (1–4), medeltal", "satisfaction (1–4), average"}},
    LabelRow{"given_in_kind", {"annettu ilman hintaa", "givet utan pris", "given in kind"}},
    LabelRow{"accrued", {"kertynyt €", "intjänat €", "accrued €"}},
    LabelRow{"reversed", {"peruttu €", "återfört €", "reversed €"}},
    LabelRow{"net", {"jää €", "kvar €", "net €"}},
};

constexpr std::array kGroups = {
    LabelRow{"at_end", {"palvelun päättyessä", "när servicen slutade", "at the end"}},
    LabelRow{"after_3_months", {"3 kk päättymisestä", "3 månader efter slutet", "3 months after"}},
    LabelRow{"after_6_months", {"6 kk päättymisestä", "6 månader efter slutet", "6 months after"}},
    LabelRow{"age", {"ikä", "ålder", "age"}},
    LabelRow{"sex", {"sukupuoli", "kön", "sex"}},
    LabelRow{"municipality", {"kotikunta", "hemkommun", "municipality"}},
    LabelRow{"variant", {"palvelun tavoite", "servicens inriktning", "aim of the service"}},
    LabelRow{"month_end", {"kuukauden lopussa", "vid månadens slut", "month end"}},
    LabelRow{"rehabilitative_work",
             {"kuntouttava työtoiminta", "arbetsverksamhet i rehabiliteringssyfte", "rehabilitative work"}},
    LabelRow{"kind", {"suunnitelman laji", "slag av plan", "kind of plan"}},
    LabelRow{"signatures", {"allekirjoitukset", "underskrifter", "signatures"}},
    LabelRow{"outcome", {"päivän tulos", "dagens utfall", "outcome of the day"}},
    LabelRow{"class", {"läsnäolon laji", "slag av närvaro", "attendance"}},
    LabelRow{"class_of_attended", {"läsnä: laji", "närvarande: slag", "attended: class"}},
    LabelRow{"class_of_absent_accepted",
             {"hyväksyttävä poissaolo: laji", "godtagbar frånvaro: slag", "accepted absence: class"}},
    LabelRow{"class_of_absent_other", {"muu poissaolo: laji", "annan frånvaro: slag", "other absence: class"}},
    LabelRow{"class_of_not_held", {"palvelua ei järjestetty: laji", "servicen ordnades inte: slag", "not held: class"}},
    LabelRow{"class_of_not_known", {"ei tiedossa: laji", "inte känt: slag", "not known: class"}},
    LabelRow{"length", {"kesto", "längd", "length"}},
    LabelRow{"step", {"vaiheesta vaiheeseen", "från steg till steg", "from step to step"}},
    LabelRow{"what", {"mikä puuttuu", "vad som saknas", "what is missing"}},
    LabelRow{"provider", {"palveluntuottaja", "serviceproducent", "provider"}},
    LabelRow{"kind_and_payer", {"laji ja maksaja", "slag och betalare", "kind and payer"}},
    LabelRow{"paid", {"maksettu", "betalt", "paid"}},
    LabelRow{"in_kind", {"annettu ilman hintaa", "givet utan pris", "given in kind"}},
    LabelRow{"all", {"kaikki", "alla", "all"}},
};

constexpr std::array kKeys = {
    LabelRow{"all", {"yhteensä", "totalt", "total"}},
    LabelRow{"not_held", {"ei tiedossa täällä", "finns inte här", "not held here"}},
    LabelRow{"not_known", {"ei tiedossa", "inte känt", "not known"}},
    LabelRow{"not_reached", {"ei tavoitettu", "inte nådd", "not reached"}},
    LabelRow{"not_asked", {"ei kysytty", "inte frågad", "not asked"}},
    LabelRow{"not_due_yet", {"ei vielä ajankohtainen", "ännu inte aktuellt", "not due yet"}},
    LabelRow{"under_25", {"alle 25", "under 25", "under 25"}},
    LabelRow{"25_and_over", {"25 tai yli", "25 eller över", "25 and over"}},
    LabelRow{"not_asked_for", {"ei pyydetty", "inte begärda", "not asked for"}},
    LabelRow{"signed", {"kaikki allekirjoittaneet", "alla har undertecknat", "signed by all"}},
    LabelRow{"missing", {"allekirjoitus puuttuu", "underskrift saknas", "signature missing"}},
    LabelRow{"under_3_months", {"alle 3 kk", "under 3 månader", "under 3 months"}},
    LabelRow{"3_to_6_months", {"3–6 kk", "3–6 månader", "3 to 6 months"}},
    LabelRow{"6_to_12_months", {"6–12 kk", "6–12 månader", "6 to 12 months"}},
    LabelRow{"1_to_2_years", {"1–2 vuotta", "1–2 år", "1 to 2 years"}},
    LabelRow{"over_2_years", {"yli 2 vuotta", "över 2 år", "over 2 years"}},
    LabelRow{"need_to_assessment",
             {"tarpeesta palvelutarvearvioon", "från behov till bedömning av servicebehovet", "need to assessment"}},
    LabelRow{"assessment_to_plan",
             {"palvelutarvearviosta suunnitelmaan", "från bedömning till plan", "assessment to plan"}},
    LabelRow{"plan_to_last_signature",
             {"suunnitelmasta viimeiseen allekirjoitukseen", "från plan till sista underskrift", "plan to last signature"}},
    LabelRow{"signature_to_referral",
             {"allekirjoituksesta lähetteeseen", "från underskrift till remiss", "signature to referral"}},
    LabelRow{"referral_to_accepted",
             {"lähetteestä hyväksyntään", "från remiss till godkännande", "referral to acceptance"}},
    LabelRow{"accepted_to_start",
             {"hyväksynnästä aloitukseen", "från godkännande till start", "acceptance to start"}},
    LabelRow{"need_to_start", {"tarpeesta aloitukseen", "från behov till start", "need to start"}},
    LabelRow{"review_of_newest_plan",
             {"uusimman suunnitelman tarkistus", "översyn av den nyaste planen", "review of the newest plan"}},
    LabelRow{"travel", {"matkakorvaus", "reseersättning", "travel"}},
    LabelRow{kFeedbackOf, {"palaute", "respons", "feedback"}},
};

constexpr std::array kGaps = {
    LabelRow{"starts", {"palvelujen alkamiset", "servicens början", "starts of services"}},
    LabelRow{"ends", {"palvelujen päättymiset", "servicens slut", "ends of services"}},
    LabelRow{"exit_codes",
             {"tarkka siirtyminen (terveystieto; täällä vain ryhmä)", "vart exakt (hälsouppgift; här endast gruppen)",
              "the exact exit (a health matter; here its group alone)"}},
    LabelRow{"follow_ups", {"seuranta 3 ja 6 kk:n kuluttua", "uppföljning efter 3 och 6 månader",
                            "follow-up after 3 and 6 months"}},
    LabelRow{"client_details", {"syntymävuosi ja sukupuoli", "födelseår och kön", "year of birth and sex"}},
    LabelRow{"plans", {"suunnitelmat", "planer", "plans"}},
    LabelRow{"signatures", {"suunnitelmien allekirjoitukset", "planernas underskrifter", "signatures of plans"}},
    LabelRow{"days", {"päivämerkinnät", "dagar", "recorded days"}},
    LabelRow{"day_outcomes", {"päivien tulokset", "dagarnas utfall", "outcomes of days"}},
    LabelRow{"day_classes", {"poissaolojen lajit (terveystieto)", "slag av frånvaro (hälsouppgift)",
                             "classes of absences (a health matter)"}},
    LabelRow{"needs", {"tunnistetut tarpeet", "konstaterade behov", "needs identified"}},
    LabelRow{"need_assessments", {"palvelutarvearviot", "bedömningar av servicebehovet", "service-need assessments"}},
    LabelRow{"referrals", {"lähetteet", "remisser", "referrals"}},
    LabelRow{"referral_answers", {"lähetteiden vastaukset", "svar på remisser", "answers to referrals"}},
    LabelRow{"dues", {"mitä milloinkin pitää arvioida", "vad som ska bedömas när", "what is due when"}},
    LabelRow{"kykyviisari", {"Kykyviisari-vastaukset", "svar på Förmågemätaren", "Abilitator answers"}},
    LabelRow{"interim_evaluations", {"väliarvioinnit", "mellanutvärderingar", "interim evaluations"}},
    LabelRow{"final_evaluations", {"loppuarvioinnit", "slututvärderingar", "final evaluations"}},
    LabelRow{"form_parts", {"arviointilomakkeen osat", "bedömningsblankettens delar", "parts of the evaluation form"}},
    LabelRow{"network_meetings", {"verkostotapaamiset", "nätverksmöten", "network meetings"}},
    LabelRow{"work_ability", {"työkyvyn arvioinnit", "bedömningar av arbetsförmågan", "work-ability assessments"}},
    LabelRow{"feedback", {"palautteet", "respons", "feedback"}},
    LabelRow{"satisfaction", {"tyytyväisyys", "nöjdhet", "satisfaction"}},
    LabelRow{"allowances", {"kulukorvaukset ja toimintarahat", "kostnadsersättningar och sysselsättningspenningar",
                            "expense allowances and activity money"}},
    LabelRow{"travel", {"matkakorvaukset", "reseersättningar", "travel"}},
    LabelRow{"payments", {"maksut", "betalningar", "payments"}},
    LabelRow{"perks", {"edut", "förmåner utöver pengar", "perks"}},
};

std::string TextOf(std::span<const LabelRow> rows, std::string_view name, Language language) {
  for (const LabelRow& row : rows) {
    if (row.key == name) return Say(row.texts, language);
  }
  return Plain(name);
}

}  // namespace

std::span<const LabelRow> ReportColumnRows() { return kColumns; }
std::span<const LabelRow> ReportGroupRows() { return kGroups; }
std::span<const LabelRow> ReportKeyRows() { return kKeys; }
std::span<const LabelRow> ReportGapRows() { return kGaps; }

std::string ReportColumnLabel(std::string_view column, Language language) {
  return TextOf(kColumns, column, language);
}

std::string ReportGroupLabel(std::string_view group, Language language) {
  // The agencies at both ends of a step.
  if (group.starts_with(kStepBy)) return TextOf(kKeys, group.substr(kStepBy.size()), language);
  return TextOf(kGroups, group, language);
}

std::string ReportKeyLabel(const report::Row& row, const config::v1::Agreement& agreement, Language language) {
  std::string_view key = row.key;
  std::string agencies;
  size_t behind = 0;  // how much of the key names them
  for (const std::string& agency : row.agencies) {
    agencies += Str(agencies.empty() ? "" : " → ", Plain(AgencyLabel(agreement, agency, language)));
    behind += agency.size() + 1;
  }
  if (behind > key.size()) return agencies;
  if (behind > 0) {
    key.remove_suffix(behind);
    agencies = Str(", ", agencies);
  }
  if (row.code == nullptr) return Str(ParseDay(key) ? DayText(key, language) : TextOf(kKeys, key, language), agencies);
  const std::string code = CodeLabel(*row.code, language);
  return Str(key.starts_with(kFeedbackOf) ? Str(TextOf(kKeys, kFeedbackOf, language), ": ", code) : code, agencies);
}

std::string ReportGapLabel(const report::Gap& gap, const config::v1::Agreement& agreement, Language language) {
  std::string agencies;
  if (gap.whole) return TextOf(kGaps, gap.what, language);
  for (const std::string& agency : gap.agencies) {
    agencies += Str(agencies.empty() ? ": " : ", ", Plain(AgencyLabel(agreement, agency, language)));
  }
  return Str(TextOf(kGaps, gap.what, language), agencies);
}

}  // namespace polku::cli
