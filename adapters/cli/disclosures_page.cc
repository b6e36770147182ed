#include "adapters/cli/disclosures_page.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "polku/access/v1/access.pb.h"

namespace polku::cli {
namespace {

using Way = audit::Received::Way;

// Plain words: the reader is the client.
constexpr Texts kTitle = {"Kuka on saanut ja katsellut tietojasi", "Vem har fått och läst dina uppgifter",
                          "Who has received and read your data"};
constexpr Texts kCase = {"Asian tunnus", "Ärendets beteckning", "Case"};
constexpr Texts kLinked = {
    "Sinusta on myös toinen asia, josta vastataan erikseen", "Det finns också ett annat ärende om dig, med ett eget svar",
    "There is another case about you, with an answer of its own"};
constexpr Texts kGivenBy = {"Vastauksen antaa", "Svaret ges av", "Answer given by"};
constexpr Texts kParties = {"Asian osapuolet", "Parter i ärendet", "Parties of the case"};
constexpr Texts kReceived = {"Kenelle tietoja on annettu", "Till vem uppgifter har lämnats",
                             "Who received data"};
constexpr Texts kReads = {"Kuka on katsellut tietoja", "Vem har läst uppgifter", "Who looked"};
constexpr Texts kBulk = {"Haut, joissa tietosi ovat voineet olla mukana",
                         "Sökningar där dina uppgifter kan ha ingått",
                         "Searches that may have included your data"};
constexpr Texts kBulkNote = {
    "Näissä haettiin useita asioita kerralla; sinun asiasi oli silloin organisaation hallussa.",
    "Här söktes flera ärenden på en gång; ditt ärende fanns då hos organisationen.",
    "Many cases were searched at once; yours was held by the organisation at the time."};
constexpr Texts kCorrections = {"Oikaisut", "Rättelser", "Corrections"};
constexpr Texts kErasures = {"Poistetut tiedot", "Raderade uppgifter", "Erased data"};
constexpr Texts kLimits = {"Mitä tämä vastaus ei kerro", "Vad detta svar inte visar",
                           "What this answer cannot show"};
constexpr Texts kOthersReads = {
    "Muiden organisaatioiden omaa katselua, jos ne eivät anna katselukirjauksiaan tälle organisaatiolle. "
    "Katselukirjaukset ovat täällä näiltä:",
    "Andra organisationers egen läsning, om de inte lämnar sina anteckningar om läsning till denna organisation. "
    "Läsning är antecknad här för:",
    "What other organisations looked at themselves, where they do not share their records of reads with this one. "
    "Records of reads are here of:"};
constexpr Texts kNobody = {"ei keneltäkään", "ingen", "none"};
constexpr Texts kReadersWord = {
    "Kuka katselija todella oli ja mihin hän tietoja käytti: virkailijan tunnus ja käyttötarkoitus ovat katselijan oma "
    "ilmoitus.",
    "Vem som i själva verket läste och varför: tjänstemannens kod och ändamålet är läsarens egen uppgift.",
    "Who really looked and what for: the official's code and the purpose are the reader's own word."};
constexpr Texts kErasedReceivers = {
    "Kenelle poistettuja merkintöjä oli annettu: poisto voi viedä myös tiedon saajista.",
    "Vem som hade fått raderade anteckningar: med dem kan också uppgiften om mottagarna ha raderats.",
    "Who had received entries that were erased: their receivers may be gone with them."};
constexpr Texts kErasedSearches = {
    "Hakuja, joissa haettiin useita asioita kerralla ennen kuin merkintäsi poistettiin: enää ei tiedetä, oliko asiasi "
    "silloin mukana.",
    "Sökningar av flera ärenden på en gång innan dina anteckningar raderades: det är inte längre känt om ditt ärende "
    "ingick i dem.",
    "Searches of many cases at once from before your entries were erased: whether yours was among them is no longer "
    "known."};
constexpr Texts kCopies = {
    "Kopioita, joita tiedot saanut organisaatio on tehnyt omiin järjestelmiinsä.",
    "Kopior som en mottagande organisation har gjort i sina egna system.",
    "Copies that a receiving organisation made in systems of its own."};
constexpr Texts kOtherLogs = {
    "Luovutuksia palveluista, joiden kirjauksia täällä ei ole, eikä merkintöjä, joita tälle organisaatiolle ei ole "
    "annettu. Täällä ovat näiden kirjaukset:",
    "Utlämnanden från tjänster vars anteckningar inte finns här, eller anteckningar som inte har lämnats till denna "
    "organisation. Här finns anteckningar från:",
    "Disclosures by services whose records are not here, and entries that were not given to this organisation. Records "
    "are here of:"};
constexpr Texts kRights = {"Oikeutesi", "Dina rättigheter", "Your rights"};
// General knowledge, not checked against the statutes: GDPR articles 15, 16 and 77; laki sosiaali- ja terveydenhuollon
// asiakastietojen käsittelystä 703/2023.
constexpr std::array<Texts, 4> kRightsLines = {{
    {"Sinulla on oikeus saada tietää, mitä tietoja sinusta käsitellään, ja saada niistä jäljennös (EU:n "
     "tietosuoja-asetus, 15 artikla).",
     "Du har rätt att få veta vilka uppgifter om dig som behandlas och att få en kopia av dem (EU:s "
     "dataskyddsförordning, artikel 15).",
     "You have the right to know which data about you are processed and to get a copy of them (EU General Data "
     "Protection Regulation, article 15)."},
    {"Sinulla on oikeus vaatia, että virheellinen tai puutteellinen tieto oikaistaan (16 artikla). Pyydä oikaisua "
     "organisaatiolta, joka on kirjannut tiedon, tai tämän vastauksen antajalta.",
     "Du har rätt att kräva att en felaktig eller bristfällig uppgift rättas (artikel 16). Begär rättelse av den "
     "organisation som har antecknat uppgiften eller av den som ger detta svar.",
     "You have the right to have wrong or incomplete data put right (article 16). Ask the organisation that recorded "
     "them, or the one that gives this answer."},
    {"Asiakastietojen käsittelystä ja luovuttamisesta sosiaali- ja terveydenhuollossa säädetään laissa 703/2023.",
     "Om behandling och utlämnande av kunduppgifter inom social- och hälsovården föreskrivs i lag 703/2023.",
     "How client data are processed and disclosed in social and health care is laid down in Act 703/2023."},
    {"Jos katsot, että tietojasi on käsitelty lainvastaisesti, voit saattaa asian tietosuojavaltuutetun "
     "käsiteltäväksi (77 artikla): tietosuoja.fi.",
     "Om du anser att dina uppgifter har behandlats lagstridigt kan du föra ärendet till dataombudsmannen för "
     "behandling (artikel 77): tietosuoja.fi/sv.",
     "If you think that your data were processed unlawfully, you can lodge a complaint with the Data Protection "
     "Ombudsman (article 77): tietosuoja.fi/en."},
}};
constexpr Texts kBasesInFinnish = {
    "", "De rättsliga grunderna finns endast på avtalets språk, finska.",
    "Legal bases exist in the agreement's language alone, Finnish."};
constexpr Texts kNone = {"Ei merkintöjä.", "Inga anteckningar.", "Nothing on record."};
constexpr Texts kAgency = {"organisaatio", "organisation", "organisation"};
constexpr Texts kSince = {"alkaen", "från", "since"};
constexpr Texts kUntil = {"päättyi", "upphörde", "until"};
constexpr Texts kWhy = {"miksi", "varför", "why"};
constexpr Texts kFirstParty = {"kirjasi asian ensimmäisen merkinnän", "gjorde ärendets första anteckning",
                               "made the first entry"};
constexpr Texts kEarlierErased = {"aiemmat merkinnät on poistettu", "tidigare anteckningar har raderats",
                                  "earlier entries were erased"};
constexpr Texts kReceiver = {"saaja", "mottagare", "receiver"};
constexpr Texts kFrom = {"kenen kirjaamia", "antecknat av", "recorded by"};
constexpr Texts kKinds = {"mitä tietoja", "vilka uppgifter", "what data"};
constexpr Texts kAbout = {"mistä", "om vad", "about"};
constexpr Texts kCount = {"määrä", "antal", "count"};
constexpr Texts kFirst = {"ensimmäinen", "första", "first"};
constexpr Texts kLast = {"viimeinen", "sista", "last"};
constexpr Texts kWhen = {"milloin", "när", "when"};
constexpr Texts kBasis = {"oikeusperuste", "rättslig grund", "legal basis"};
constexpr Texts kOfficial = {"virkailija (tunnus)", "tjänsteman (kod)", "official (code)"};
constexpr Texts kPurpose = {"käyttötarkoitus", "ändamål", "purpose"};
constexpr Texts kScope = {"rajaus", "avgränsning", "filter"};
constexpr Texts kWhat = {"mitä tapahtui", "vad som hände", "what happened"};
constexpr Texts kAnswers = {"saajien vastaukset", "mottagarnas svar", "answers of receivers"};
constexpr Texts kNoAnswer = {"ei vielä vastauksia", "inga svar ännu", "no answers yet"};
constexpr Texts kExtent = {"laajuus", "omfattning", "extent"};
constexpr Texts kEntries = {"merkintää", "anteckningar", "entries"};
constexpr Texts kLater = {"aiempi merkintä, annettu myöhemmin", "tidigare anteckning, lämnad senare",
                          "earlier entry, given later"};
constexpr Texts kHeaderAlone = {"vain tieto siitä, että merkintä on tehty",
                                "endast att en anteckning har gjorts", "only that an entry was made"};
constexpr Texts kToParties = {"osapuolille kerrotaan, keitä osapuolet ovat",
                              "parter får veta vilka parterna är", "parties are told who the parties are"};
constexpr Texts kAsCorrection = {"oikaisu tietoon, jonka saaja oli saanut",
                                 "rättelse av en uppgift som mottagaren hade fått",
                                 "corrects what the receiver had got"};
constexpr Texts kAsNotice = {"kertoo saajalle, mitä aiempia merkintöjä sille annettiin",
                             "anger för mottagaren vilka tidigare anteckningar den fick",
                             "tells the receiver which earlier entries it was given"};
constexpr Texts kAsHost = {"kirjattu saajan palveluun", "antecknat i mottagarens tjänst",
                           "recorded in the receiver's service"};
constexpr Texts kByAgreementOf = {"kirjaajan sopimuksen mukaan:", "enligt avtalet hos",
                                  "by the agreement of"};
constexpr Texts kEntryNumber = {"merkintä", "anteckning", "entry"};
constexpr Texts kUnknownBasis = {"perustetta ei löydy sopimuksesta", "grunden finns inte i avtalet",
                                 "no basis found in the agreement"};
constexpr Texts kNotCorrected = {"ei vielä oikaistu", "ännu inte rättat", "not yet corrected"};
constexpr Texts kCorrecting = {"korjaava merkintä", "rättande anteckning", "correcting entry"};
constexpr Texts kUnknownType = {"merkintä, jota ei ole täällä", "anteckning som inte finns här",
                                "an entry that is not here"};
constexpr Texts kRequested = {"pyysi", "begärd av", "requested by"};
constexpr Texts kConfirmed = {"vahvisti", "bekräftad av", "confirmed by"};
constexpr Texts kCancelled = {"perui", "återkallad av", "cancelled by"};
constexpr Texts kNotConfirmed = {"ei vielä vahvistettu", "ännu inte bekräftad", "not yet confirmed"};
constexpr Texts kUntilDayBefore = {"", "till ", "until "};
constexpr Texts kUntilDayAfter = {" saakka", "", ""};
constexpr std::array<Texts, 5> kSections = {{
    {"palvelun vaiheet ja päivät", "servicens steg och dagar", "steps and days of the service"},
    {"henkilö- ja yhteystiedot", "person- och kontaktuppgifter", "identity and contact details"},
    {"sosiaalihuollon tiedot", "uppgifter inom socialvården", "social care data"},
    {"terveystiedot", "hälsouppgifter", "health data"},
    {"maksu- ja etuustiedot", "betalnings- och förmånsuppgifter", "payment and benefit data"},
}};
constexpr std::array<std::string_view, 3> kLanguageTags = {"fi", "sv", "en"};

class PageMaker {
 public:
  PageMaker(const audit::Disclosures& found, const config::v1::Agreement& agreement,
            Language language, bool all)
      : found_(found), agreement_(agreement), language_(language), all_(all) {}

  Page Make(absl::Time now) const {
    Page page{.title = T(kTitle), .lines = {}, .blocks = {}, .language = language_};
    page.lines.push_back(Str(T(kCase), ": ", FormatCaseId(found_.case_id)));
    for (const CaseId& other : found_.linked) {
      page.lines.push_back(Str(T(kLinked), ": ", FormatCaseId(other)));
    }
    page.lines.push_back(Str(T(kGivenBy), ": ", Agency(found_.held_by), ", ", Time(now)));
    if (language_ != Language::kFinnish) page.lines.push_back(T(kBasesInFinnish));
    page.blocks = {Parties(), Received()};
    page.blocks.push_back(Reads(/*bulk=*/false));
    if (std::any_of(found_.reads.begin(), found_.reads.end(), [](const auto& r) { return r.bulk; })) {
      page.blocks.push_back(Reads(/*bulk=*/true));
    }
    page.blocks.push_back(Corrections());
    if (!found_.erasures.empty() || !found_.erasure_acts.empty()) page.blocks.push_back(Erasures());
    page.blocks.push_back(Limits());
    page.blocks.push_back(Rights());
    return page;
  }

 private:
  std::string T(const Texts& texts) const { return Say(texts, language_); }
  std::string Agency(std::string_view name) const {
    return Plain(AgencyLabel(agreement_, name, language_));
  }
  // "Kela (korvaukset)"
  std::string Service(std::string_view origin) const {
    const auto name = OriginName::Parse(origin);
    if (!name.ok()) return Agency(AgencyOfName(origin));
    return Str(Agency(name->agency()), " (", Plain(ServiceLabel(name->service(), language_)), ")");
  }
  std::string Day(absl::CivilDay day) const { return DayText(day, language_); }
  std::string Day(absl::Time at) const { return Day(FinnishDay(at)); }
  std::string Time(absl::Time at) const { return TimeText(at, language_); }
  // As the agreement has it, less the marks of its authors ("[p]", "[k]": how well a line's source was checked).
  static std::string Law(std::string_view basis) {
    std::string text = Plain(basis);
    for (const std::string_view mark : {" [p]", " [k]", " [a]"}) {
      for (size_t at; (at = text.find(mark)) != std::string::npos;) text.erase(at, mark.size());
    }
    return text;
  }
  static std::string Dash(std::string_view text) { return text.empty() ? "-" : Plain(text); }

  std::string Step(std::string_view type) const {
    return type.empty() ? T(kUnknownType) : Plain(EventLabel(type, language_));
  }

  std::string Kinds(SectionSet sections) const {
    std::string text;
    for (const SectionKind kind : kAllSectionKinds) {
      if (!sections.has(kind)) continue;
      text += Str(text.empty() ? "" : ", ", T(kSections[static_cast<size_t>(kind) - 1]));
    }
    return text.empty() ? T(kHeaderAlone) : text;
  }

  Cell Basis(const audit::Received& one) const {
    switch (one.way) {
      case Way::kShared:
        return {Law(one.legal_basis), /*of_agreement=*/true};
      case Way::kParties:
        return T(kToParties);
      case Way::kNotice:
        return T(kAsNotice);
      case Way::kCorrection:
        return T(kAsCorrection);
      case Way::kHost:
        return T(kAsHost);
      case Way::kNotHeld:
        return Str(T(kByAgreementOf), " ", Service(one.origin), ", ", T(kEntryNumber), " ",
                   one.agreement.value());
      case Way::kUnknown:
        break;
    }
    return T(kUnknownBasis);
  }

  Block Parties() const {
    Block block{T(kParties), {}, {T(kAgency), T(kSince), T(kUntil), T(kWhy)}, {}};
    for (const audit::PartySpan& party : found_.parties) {
      block.rows.push_back({Agency(party.agency), Day(party.since),
                            party.until ? Day(*party.until) : "-",
                            party.reason == access::v1::PARTY_REASON_UNSPECIFIED
                                ? T(party.earlier_erased ? kEarlierErased : kFirstParty)
                                : CodeLabel(party.reason, language_)});
    }
    return block;
  }

  Block Received() const {
    Block block{T(kReceived), {}, {}, {}};
    std::map<std::string, std::set<std::pair<std::string, Position>>> totals;
    for (const auto& one : found_.received) totals[one.receiver].insert({one.origin, one.position});
    for (const auto& [receiver, entries] : totals) {
      block.lines.push_back(Str(Agency(receiver), ": ", entries.size(), " ", T(kEntries)));
    }
    if (all_) {
      block.header = {T(kWhen), T(kReceiver), T(kAbout), T(kFrom), T(kKinds), T(kBasis)};
      for (const audit::Received& one : found_.received) {
        block.rows.push_back({Time(one.disclosed_at), Agency(one.receiver),
                              one.later ? Str(Step(one.type), " (", T(kLater), ")") : Step(one.type),
                              Agency(one.author), Kinds(one.sections), Basis(one)});
      }
      return block;
    }
    block.header = {T(kReceiver), T(kKinds), T(kCount), T(kFirst), T(kLast), T(kBasis)};
    struct Group {
      std::string receiver, kinds;
      Cell basis;
      absl::Time first, last;
      uint64_t count = 0;
    };
    // Alike is what went to the same receiver, in the same kinds, on the same basis; a receiver's oldest group first.
    std::vector<Group> groups;
    for (const audit::Received& one : found_.received) {
      Group like{Agency(one.receiver), Kinds(one.sections), Basis(one), one.disclosed_at, one.disclosed_at};
      auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
        return known.receiver == like.receiver && known.kinds == like.kinds &&
               known.basis.text == like.basis.text;
      });
      if (group == groups.end()) group = groups.insert(groups.end(), std::move(like));
      ++group->count;
      group->last = one.disclosed_at;
    }
    // All of one receiver together, receivers as in the lines above.
    std::map<std::string, size_t> place;
    for (const auto& [receiver, entries] : totals) place.emplace(Agency(receiver), place.size());
    std::stable_sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
      return place.at(a.receiver) < place.at(b.receiver);
    });
    for (const Group& group : groups) {
      block.rows.push_back({group.receiver, group.kinds, std::to_string(group.count), Day(group.first),
                            Day(group.last), group.basis});
    }
    return block;
  }

  Block Reads(bool bulk) const {
    Block block{T(bulk ? kBulk : kReads), {}, {}, {}};
    if (bulk) block.lines.push_back(T(kBulkNote));
    if (all_) {
      block.header = {T(kWhen), T(kAgency), T(kOfficial), T(kPurpose), T(kBasis), T(kKinds)};
      if (bulk) block.header.push_back(T(kScope));
      for (const audit::Read& read : found_.reads) {
        if (read.bulk != bulk) continue;
        block.rows.push_back({Time(read.at), Agency(read.agency), Dash(read.official),
                              CodeLabel(read.purpose, language_), Dash(read.legal_basis),
                              Kinds(read.sections)});
        if (bulk) block.rows.back().push_back(Dash(read.scope));
      }
      return block;
    }
    block.header = {T(kAgency), T(kOfficial), T(kPurpose), T(kBasis), T(kCount), T(kFirst), T(kLast)};
    using Key = std::array<std::string, 4>;
    struct Group {
      Key key;
      absl::Time first, last;
      uint64_t count = 0;
    };
    std::vector<Group> groups;
    for (const audit::Read& read : found_.reads) {
      if (read.bulk != bulk) continue;
      const Key key = {Agency(read.agency), Dash(read.official), CodeLabel(read.purpose, language_),
                       Dash(read.legal_basis)};
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const Group& known) { return known.key == key; });
      if (group == groups.end()) {
        groups.push_back({.key = key, .first = read.at});
        group = groups.end() - 1;
      }
      ++group->count;
      group->last = read.at;
    }
    for (const Group& group : groups) {
      block.rows.push_back({group.key[0], group.key[1], group.key[2], group.key[3],
                            std::to_string(group.count), Day(group.first), Day(group.last)});
    }
    return block;
  }

  Block Corrections() const {
    Block block{T(kCorrections), {}, {T(kWhen), T(kWhat), T(kAgency), T(kOfficial)}, {}};
    for (const audit::Act& act : found_.corrections) {
      std::string what = Step(act.type);
      if (act.corrects) what += Str(" (", T(kCorrecting), ")");
      if (act.result != access::v1::CORRECTION_RESULT_UNSPECIFIED) {
        what += Str(": ", CodeLabel(act.result, language_));
      }
      if (act.open) what += Str(", ", T(kNotCorrected));
      block.rows.push_back({Time(act.at), std::move(what), Agency(act.agency), Dash(act.official)});
    }
    return block;
  }

  // A request to erase and its answer, in one line.
  std::string ErasureLine(const audit::Act& request) const {
    std::string line = Str(Step(request.type), ": ", CodeLabel(request.tier, language_), ", ",
                           Plain(request.legal_basis), "; ", T(kRequested), " ",
                           Agency(request.agency), ", ", Dash(request.official), ", ", Day(request.at));
    const auto answer =
        std::find_if(found_.erasure_acts.begin(), found_.erasure_acts.end(), [&](const audit::Act& act) {
          return act.request == request.id && act.agency == request.agency;
        });
    if (answer == found_.erasure_acts.end()) return Str(line, "; ", T(kNotConfirmed));
    const bool confirmed = answer->type == access::v1::ErasureConfirmed::descriptor()->full_name();
    return Str(line, "; ", T(confirmed ? kConfirmed : kCancelled), " ", Dash(answer->official), ", ",
               Day(answer->at));
  }

  Block Erasures() const {
    Block block{T(kErasures),
                {},
                {T(kWhen), T(kFrom), T(kExtent), T(kCount), T(kBasis), T(kOfficial), T(kAnswers)},
                {}};
    for (const audit::Act& act : found_.erasure_acts) {
      if (act.type == access::v1::ErasureRequested::descriptor()->full_name()) {
        block.lines.push_back(ErasureLine(act));
      }
    }
    for (const audit::Erasure& erasure : found_.erasures) {
      std::vector<std::string> told;  // several services of an agency that answer alike are one to the client
      for (const auto& answer : erasure.answers) {
        std::string one = Str(Agency(answer.agency), " ", Day(answer.at), ": ",
                              CodeLabel(answer.outcome, language_));
        if (!answer.retained_until.empty()) {
          one += Str(" (", Law(answer.legal_basis), ", ", T(kUntilDayBefore),
                     DayText(answer.retained_until, language_), T(kUntilDayAfter), ")");
        }
        if (std::find(told.begin(), told.end(), one) == told.end()) told.push_back(std::move(one));
      }
      std::string answers;
      for (const std::string& one : told) answers += Str(answers.empty() ? "" : "; ", one);
      block.rows.push_back(
          {Day(erasure.at), Service(erasure.origin), CodeLabel(erasure.tier, language_),
           std::to_string(erasure.entries), Dash(erasure.legal_basis),
           Str(Dash(erasure.requested_by), ", ", Dash(erasure.confirmed_by)),
           answers.empty() ? T(kNoAnswer) : answers});
    }
    return block;
  }

  Block Limits() const {
    std::string agencies;
    for (const std::string& agency : found_.reads_known) {
      agencies += Str(agencies.empty() ? "" : ", ", Agency(agency));
    }
    std::vector<std::string> services;  // two epochs of one service are one to the client
    for (const std::string& log : found_.logs) {
      std::string service = Service(log);
      if (std::find(services.begin(), services.end(), service) == services.end()) {
        services.push_back(std::move(service));
      }
    }
    std::string logs;
    for (const std::string& service : services) logs += Str(logs.empty() ? "" : ", ", service);
    Block block{T(kLimits),
                {Str(T(kOthersReads), " ", agencies.empty() ? T(kNobody) : agencies, "."), T(kReadersWord),
                 Str(T(kOtherLogs), " ", logs, "."), T(kErasedReceivers)},
                {},
                {}};
    // When a case came to an agency is known by its entries.
    if (std::any_of(found_.erasures.begin(), found_.erasures.end(), [](const audit::Erasure& erasure) {
          return erasure.tier == event::v1::ERASURE_TIER_ENTRIES;
        })) {
      block.lines.push_back(T(kErasedSearches));
    }
    block.lines.push_back(T(kCopies));
    return block;
  }

  Block Rights() const {
    Block block{T(kRights), {}, {}, {}};
    for (const Texts& line : kRightsLines) block.lines.push_back(T(line));
    return block;
  }

  const audit::Disclosures& found_;
  const config::v1::Agreement& agreement_;
  const Language language_;
  const bool all_;
};

std::string Escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: html += c;
    }
  }
  return html;
}

constexpr std::string_view kStyle =
    "body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{border:1px solid #555;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#eee}"
    "@media print{body{font-size:11pt;max-width:none;margin:0;padding:0}thead{display:table-header-group}"
    "tr{break-inside:avoid}h2{break-after:avoid}}@page{margin:15mm}";

constexpr size_t kColumns = 100;

// Broken at spaces; every line begins with `indent`, from the second on with two columns more.
void PrintWrapped(std::string_view text, const std::string& indent, std::ostream& out) {
  std::string line = indent;
  bool empty = true;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!empty && Width(line) + 1 + Width(word) > kColumns) {
      out << line << "\n";
      line = indent + "  ";
      empty = true;
    }
    if (!empty) line += " ";
    line += word;
    empty = false;
  }
  out << line << "\n";
}

bool Fits(const Block& block) {
  size_t columns = 0;
  for (size_t c = 0; c < block.header.size(); ++c) {
    size_t width = Width(block.header[c]);
    for (const auto& row : block.rows) width = std::max(width, Width(row[c].text));
    columns += width + (c > 0 ? 2 : 0);
  }
  return columns <= kColumns;
}

void PrintRows(const Block& block, std::ostream& out) {
  if (!Fits(block)) {
    for (const auto& row : block.rows) {
      PrintWrapped(row[0].text, "  ", out);
      for (size_t c = 1; c < row.size(); ++c) {
        PrintWrapped(Str(block.header[c], ": ", row[c].text), "      ", out);
      }
    }
    return;
  }
  TextTable table(block.header);
  for (const auto& row : block.rows) {
    std::vector<std::string> texts;
    for (const Cell& cell : row) texts.push_back(cell.text);
    table.Add(std::move(texts));
  }
  table.Print(out);
}

std::string NoneText(const Page& page) { return Say(kNone, page.language); }

}  // namespace

Page MakePage(const audit::Disclosures& found, const config::v1::Agreement& agreement,
              Language language, bool all, absl::Time now) {
  return PageMaker(found, agreement, language, all).Make(now);
}

void PrintText(const Page& page, std::ostream& out) {
  out << page.title << "\n";
  for (const std::string& line : page.lines) PrintWrapped(line, "", out);
  for (const Block& block : page.blocks) {
    out << "\n" << block.title << "\n";
    for (const std::string& line : block.lines) PrintWrapped(line, "  ", out);
    if (!block.rows.empty()) {
      PrintRows(block, out);
    } else if (!block.header.empty() && block.lines.empty()) {
      out << "  " << NoneText(page) << "\n";
    }
  }
}

std::string FormatHtml(const Page& page) {
  const std::string_view tag = kLanguageTags[static_cast<size_t>(page.language)];
  std::string html = Str("<!DOCTYPE html>\n<html lang=\"", tag,
                         "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                         Escaped(page.title), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<main>\n<h1>",
                         Escaped(page.title), "</h1>\n");
  for (const std::string& line : page.lines) html += Str("<p>", Escaped(line), "</p>\n");
  size_t number = 0;
  for (const Block& block : page.blocks) {
    const std::string id = Str("s", ++number);
    html += Str("<section>\n<h2 id=\"", id, "\">", Escaped(block.title), "</h2>\n");
    if (!block.lines.empty()) {
      html += "<ul>\n";
      for (const std::string& line : block.lines) html += Str("<li>", Escaped(line), "</li>\n");
      html += "</ul>\n";
    }
    if (!block.header.empty() && block.rows.empty() && block.lines.empty()) {
      html += Str("<p>", Escaped(NoneText(page)), "</p>\n");
    } else if (!block.rows.empty()) {
      html += Str("<table aria-labelledby=\"", id, "\">\n<thead><tr>");
      for (const std::string& cell : block.header) {
        html += Str("<th scope=\"col\">", Escaped(cell), "</th>");
      }
      html += "</tr></thead>\n<tbody>\n";
      for (const auto& row : block.rows) {
        html += "<tr>";
        for (const Cell& cell : row) {
          const bool foreign = cell.in_finnish && page.language != Language::kFinnish;
          html += Str("<td>", foreign ? "<span lang=\"fi\">" : "", Escaped(cell.text),
                      foreign ? "</span>" : "", "</td>");
        }
        html += "</tr>\n";
      }
      html += "</tbody>\n</table>\n";
    }
    html += "</section>\n";
  }
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace polku::cli
