// `polku agreement`: what an agreement says, and why somebody does or does not see something by it.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/cli/access.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/audit/history.h"
#include "services/core/codec.h"
#include "services/host/config.h"

namespace polku::cli {
namespace {

using access::Explanation;
using access::Reason;
using audit::JsonString;
using audit::SectionsJson;
using config::v1::Agreement;
using google::protobuf::Descriptor;

constexpr size_t kMaxFiles = 16;

// ---- Words ----

constexpr Texts kReceiver = {"saaja", "mottagare", "receiver"};
constexpr Texts kAuthor = {"kirjaaja", "antecknare", "author"};
constexpr Texts kInLogOf = {"lokissa", "i loggen hos", "in the log of"};
constexpr Texts kEvent = {"tapahtuma", "händelse", "event"};
constexpr Texts kType = {"tyyppi", "typ", "type"};
constexpr Texts kDay = {"kirjauspäivä", "antecknad", "recorded on"};
constexpr Texts kParty = {"osapuoli", "part", "party"};
constexpr Texts kPartyYes = {"kyllä", "ja", "yes"};
constexpr Texts kPartyNo = {"ei", "nej", "no"};
constexpr Texts kPartyLog = {"kyllä, sen oma loki", "ja, dess egen logg", "yes, it is its own log"};
constexpr Texts kPartyFirst = {"kyllä, sen merkintä avasi asian", "ja, dess anteckning öppnade ärendet",
                               "yes, its entry opened the case"};
constexpr Texts kPartySince = {"kyllä, lisätty", "ja, tillagd", "yes, added"};
constexpr Texts kPartyNoHere = {"ei, sen mukaan mitä tässä palvelussa on", "nej, enligt det som finns i denna tjänst",
                                "no, by what this service holds"};
constexpr Texts kNoParties = {"lokimerkinnöillä ei ole osapuolia", "läsanteckningar har inga parter",
                              "reads and erasures have no parties"};
constexpr Texts kSees = {"näkee", "ser", "sees"};
constexpr Texts kHeaderAlone = {"pelkän otsakkeen", "endast rubriken", "the header alone"};
constexpr Texts kSeesNothing = {"ei näe mitään, ei otsakettakaan", "ser ingenting, inte ens rubriken",
                                "sees nothing, not even the header"};
constexpr Texts kDoesNotSee = {"ei näe", "ser inte", "does not see"};
constexpr Texts kWhy = {"miksi", "varför", "why"};
constexpr Texts kGrants = {"antaa", "ger", "gives"};
constexpr Texts kWouldGrantOn = {"antaisi muuna päivänä", "skulle ge på en annan dag",
                                 "would give on another day"};
constexpr Texts kWouldGrantParty = {"antaisi asian osapuolelle", "skulle ge till en part i ärendet",
                                    "would give to a party of the case"};
constexpr Texts kNoLine = {"mikään rivi ei nimeä saajaa, kirjaajaa ja tapahtumaa",
                           "ingen rad nämner mottagaren, antecknaren och händelsen",
                           "no line names the receiver, the author and the event"};
constexpr Texts kHeader = {"otsakkeen", "rubriken", "the header"};
constexpr Texts kBasis = {"peruste", "grund", "basis"};
constexpr Texts kHolds = {"voimassa", "gäller", "holds"};
constexpr Texts kPublishes = {"saa kirjata", "får anteckna", "may publish"};
constexpr Texts kToChange = {"mitä pitäisi muuttaa", "vad som borde ändras", "what would have to change"};
constexpr Texts kAddSharing = {"sopimukseen sharings-rivi, joka nimeää saajan, kirjaajan ja tapahtuman, ja sen peruste",
                               "en rad sharings i avtalet som nämner mottagaren, antecknaren och händelsen, med grund",
                               "a sharings line in the agreement that names the receiver, the author and the event, with its basis"};
constexpr Texts kAddSection = {"lisää tietolaji riville", "lägg till uppgiftsslaget på raden",
                               "add the section to the line"};
constexpr Texts kMoveDates = {"siirrä voimassaoloa rivillä", "flytta giltigheten på raden",
                              "move the dates of the line"};
constexpr Texts kBecomeParty = {"saajan pitäisi tulla asian osapuoleksi: PartyAdded, tai tapahtuma joka nimeää sen",
                                "mottagaren borde bli part i ärendet: PartyAdded, eller en händelse som nämner den",
                                "the receiver would have to become a party: a PartyAdded, or an event that names it"};
constexpr Texts kNothingMissing = {"kaikki tapahtuman tiedot näkyvät jo", "alla uppgifter syns redan",
                                   "all that the event has is seen already"};
constexpr Texts kLegend = {
    "S palvelu, I henkilötiedot, O sosiaalihuolto, H terveys, P maksut; ----- pelkkä otsake; . ei mitään; "
    "* joka asiassa, muuten osapuolena; ~ riippuu kirjaajasta; + saa kirjata",
    "S service, I personuppgifter, O socialvård, H hälsa, P betalningar; ----- endast rubriken; . ingenting; "
    "* i alla ärenden, annars som part; ~ beror på antecknaren; + får anteckna",
    "S service, I identity, O social, H health, P payment; ----- the header alone; . nothing; "
    "* in every case, otherwise as a party; ~ depends on the author; + may publish"};

// ---- The agreement, and a question about it ----

struct Source {
  Agreement agreement;
  std::optional<host::Config> config;  // of --config
};

absl::StatusOr<Source> LoadSource(const Args& args) {
  const std::vector<std::string> files(args.operands().begin() + 1, args.operands().end());
  if (args.Has("config")) {
    POLKU_ASSIGN_OR_RETURN(host::Config config, host::LoadConfig(args.Get("config"), ""));
    Agreement agreement = config.agreement;
    return Source{std::move(agreement), std::move(config)};
  }
  POLKU_ASSIGN_OR_RETURN(Agreement agreement, host::LoadAgreement(files));
  return Source{std::move(agreement), std::nullopt};
}

std::string_view ReasonKind(Reason::Kind kind) {
  switch (kind) {
    case Reason::Kind::kGrants:
      return "grants";
    case Reason::Kind::kOtherDay:
      return "other_day";
    case Reason::Kind::kNoParty:
      return "no_party";
    case Reason::Kind::kNothing:
      return "nothing";
  }
  return "nothing";
}

struct Question {
  std::string receiver, author, log_agency;
  const Descriptor* type;
  std::optional<SectionKind> section;
  absl::CivilDay day;
  bool party = false;
};

// What the event can say, by section, in the order of its fields.
std::map<SectionKind, std::vector<const google::protobuf::FieldDescriptor*>> FieldsOf(
    const Descriptor& type) {
  std::map<SectionKind, std::vector<const google::protobuf::FieldDescriptor*>> fields;
  for (int i = 0; i < type.field_count(); ++i) {
    fields[service::SectionOf(*type.field(i))].push_back(type.field(i));
  }
  return fields;
}

std::string SectionsText(SectionSet sections, Language language) {
  std::string text;
  for (SectionKind kind : kAllSectionKinds) {
    if (sections.has(kind)) text += Str(text.empty() ? "" : ", ", SectionLabel(kind, language));
  }
  return text.empty() ? Say(kHeader, language) : text;
}

std::string DatesText(const Reason& reason, Language language) {
  if (reason.valid_from.empty() && reason.valid_until.empty()) return "";
  return Str(DayText(reason.valid_from, language), "–", DayText(reason.valid_until, language));
}

// What would have to change for the receiver to see the section asked for, or what it does not see.
std::vector<std::string> Changes(const Question& question, const Agreement& agreement,
                                 const Explanation& explanation, Language language) {
  std::vector<std::string> changes;
  SectionSet wanted;
  for (const auto& [kind, fields] : FieldsOf(*question.type)) {
    if (!question.section || *question.section == kind) wanted.add(kind);
  }
  const SectionSet seen = explanation.grant ? explanation.grant->sections : SectionSet();
  if (explanation.grant && (wanted & seen) == wanted) {
    return {Say(kNothingMissing, language)};
  }
  // A line gives what is missing, but on another day or to a party: then that is what stands in the way.
  bool no_party = false;
  bool named = false;
  for (const Reason& reason : explanation.reasons) {
    if (reason.kind == Reason::Kind::kNothing) continue;
    named = true;
    bool gives = !explanation.grant;
    for (SectionKind kind : kAllSectionKinds) {
      gives = gives || (wanted.has(kind) && !seen.has(kind) && reason.sections.has(kind));
    }
    if (!gives) continue;
    if (reason.kind == Reason::Kind::kNoParty) no_party = true;
    if (reason.kind == Reason::Kind::kOtherDay) {
      changes.push_back(Str(Say(kMoveDates, language), ": ", reason.line, " (", DatesText(reason, language), ")"));
    }
  }
  if (no_party) {
    std::string naming;
    for (const auto& rule : agreement.party_rules()) {
      naming += Str(naming.empty() ? " (" : ", ", rule.type(), ".", rule.field());
      for (int i = 0; i < rule.when_values_size(); ++i) {
        naming += Str(i == 0 ? Str(" [", rule.when_field(), "=") : "|", rule.when_values(i));
      }
      if (rule.when_values_size() > 0) naming += "]";
    }
    changes.push_back(Str(Say(kBecomeParty, language), naming, naming.empty() ? "" : ")"));
  }
  if (!changes.empty()) return changes;
  if (!named) return {Say(kAddSharing, language)};
  SectionSet missing;
  for (SectionKind kind : kAllSectionKinds) {
    if (wanted.has(kind) && !seen.has(kind)) missing.add(kind);
  }
  return {Str(Say(kAddSection, language), ": ", explanation.reasons.front().line, ": ",
              SectionsText(missing, language))};
}

// ---- explain ----

void PrintFields(SectionSet sections, const Descriptor& type, Language language, Io& io) {
  for (const auto& [kind, fields] : FieldsOf(type)) {
    if (!sections.has(kind)) continue;
    std::string names;
    for (const auto* field : fields) names += Str(names.empty() ? "" : ", ", FieldLabel(*field, language));
    io.out << "    " << PadTo(std::string(SectionLabel(kind, language)), 16) << " " << names << "\n";
  }
}

std::string FieldsJson(SectionSet sections, const Descriptor& type) {
  std::string json = "{";
  for (const auto& [kind, fields] : FieldsOf(type)) {
    if (!sections.has(kind)) continue;
    json += Str(json.size() > 1 ? "," : "", JsonString(SectionKindName(kind)), ":[");
    for (size_t i = 0; i < fields.size(); ++i) {
      json += Str(i > 0 ? "," : "", JsonString(fields[i]->name()));
    }
    json += "]";
  }
  return json + "}";
}

ExitCode PrintExplanation(const Question& question, const Agreement& agreement,
                          const std::string& party_text, Language language, bool as_json, Io& io) {
  const access::Policy policy(agreement);
  const std::string& type = question.type->full_name();
  const Explanation explanation = policy.Explain(question.receiver, question.author,
                                                 question.log_agency, type, question.party, question.day);
  const bool may_publish = policy.MayPublish(question.author, type, question.day);
  const auto changes = Changes(question, agreement, explanation, language);
  SectionSet seen;
  SectionSet unseen;
  for (const auto& [kind, fields] : FieldsOf(*question.type)) {
    if (question.section && *question.section != kind) continue;
    (explanation.grant && explanation.grant->sections.has(kind) ? seen : unseen).add(kind);
  }
  // Asked for one section, the answer is of that section.
  const bool sees = explanation.grant && (!question.section || !seen.empty());

  if (as_json) {
    std::string reasons;
    for (const Reason& reason : explanation.reasons) {
      reasons += Str(reasons.empty() ? "" : ",", "{\"kind\":\"", ReasonKind(reason.kind), "\",\"line\":",
                     JsonString(reason.line), ",\"legal_basis\":", JsonString(reason.legal_basis),
                     ",\"sections\":", SectionsJson(reason.sections), ",\"valid_from\":",
                     JsonString(reason.valid_from), ",\"valid_until\":", JsonString(reason.valid_until), "}");
    }
    std::string changed;
    for (const std::string& change : changes) changed += Str(changed.empty() ? "" : ",", JsonString(change));
    io.out << Str("{\"receiver\":", JsonString(question.receiver), ",\"author\":", JsonString(question.author),
                  ",\"log_agency\":", JsonString(question.log_agency), ",\"type\":", JsonString(type),
                  ",\"day\":\"", FormatDay(question.day), "\",\"party\":",
                  question.party || question.receiver == question.log_agency ? "true" : "false")
           << Str(",\"party_why\":", JsonString(party_text), ",\"sees\":", sees ? "true" : "false",
                  ",\"fields\":", FieldsJson(seen, *question.type), ",\"withheld_fields\":",
                  FieldsJson(unseen, *question.type), ",\"may_publish\":", may_publish ? "true" : "false",
                  ",\"reasons\":[", reasons, "],\"changes\":[", changed, "]}\n");
    return kExitOk;
  }

  const auto line = [&](const Texts& words, const std::string& value) {
    io.out << PadTo(Say(words, language), 14) << " " << value << "\n";
  };
  const auto agency = [&](const std::string& name) {
    const std::string label = AgencyLabel(agreement, name, language);
    return label == name ? Plain(name) : Str(Plain(label), " (", Plain(name), ")");
  };
  line(kReceiver, agency(question.receiver));
  line(kAuthor, agency(question.author));
  if (question.log_agency != question.author) line(kInLogOf, agency(question.log_agency));
  line(kEvent, Str(EventLabel(type, language), " (", type, ")"));
  line(kDay, DayText(question.day, language));
  line(kParty, party_text);
  io.out << "\n";
  if (!explanation.grant) {
    io.out << Say(kSeesNothing, language) << "\n";
  } else {
    if (seen.empty() && !question.section) {
      io.out << Say(kSees, language) << " " << Say(kHeaderAlone, language) << "\n";
    } else if (!seen.empty()) {
      io.out << Say(kSees, language) << "\n";
      PrintFields(seen, *question.type, language, io);
    }
  }
  if (!unseen.empty()) {
    io.out << Say(kDoesNotSee, language) << "\n";
    PrintFields(unseen, *question.type, language, io);
  }
  io.out << "\n" << Say(kWhy, language) << "\n";
  for (const Reason& reason : explanation.reasons) {
    if (reason.kind == Reason::Kind::kNothing) {
      io.out << "  " << Say(kNoLine, language) << "\n";
      continue;
    }
    const Texts& verb = reason.kind == Reason::Kind::kGrants     ? kGrants
                        : reason.kind == Reason::Kind::kOtherDay ? kWouldGrantOn
                                                                 : kWouldGrantParty;
    io.out << "  " << Plain(reason.line) << ": " << Say(verb, language) << ": "
           << SectionsText(reason.sections, language);
    if (!reason.legal_basis.empty()) {
      io.out << "; " << Say(kBasis, language) << ": " << Plain(reason.legal_basis);
    }
    if (const std::string dates = DatesText(reason, language); !dates.empty()) {
      io.out << "; " << Say(kHolds, language) << " " << dates;
    }
    io.out << "\n";
  }
  io.out << "  " << Plain(question.author) << " " << Say(kPublishes, language) << ": "
         << Say(may_publish ? kPartyYes : kPartyNo, language) << "\n";
  io.out << "\n" << Say(kToChange, language) << "\n";
  for (const std::string& change : changes) io.out << "  " << Plain(change) << "\n";
  return kExitOk;
}

// Whether the agency is a party of the case by what the service holds of it, and since when by which entry.
struct Party {
  bool is = false;
  std::string text;
};
absl::StatusOr<Party> PartyOf(const CaseId& case_id, const std::string& agency, Language language,
                              Reading& reading) {
  struct Place {
    std::string origin;
    Position position;
    absl::Time recorded_at;
  };
  const access::Policy policy(reading.config.agreement);
  access::CaseAccess access;
  std::map<access::CaseAccess::PartyEvent, Place> places;  // of what may have made it a party
  audit::History history(*reading.store);
  POLKU_RETURN_IF_ERROR(history.Timeline(case_id, {}, [&](const audit::Event& event) {
    if (event.body == nullptr) return absl::OkStatus();
    access.Evolve(event.fact(), policy, reading.config.origin.text());
    const access::CaseAccess::PartyEvent party_event{std::string(event.origin), event.id};
    if (access.added().contains(party_event)) {
      places[party_event] = {std::string(event.origin), event.position, event.recorded_at()};
    }
    return absl::OkStatus();
  }));
  if (!access.parties().contains(agency)) return Party{false, Say(kPartyNoHere, language)};
  const Place* first = nullptr;
  for (const auto& [party_event, added] : access.added()) {
    const Place& place = places.at(party_event);
    if (added.agency == agency && (first == nullptr || place.recorded_at < first->recorded_at)) {
      first = &place;
    }
  }
  if (first == nullptr) return Party{true, Say(kPartyFirst, language)};
  return Party{true, Str(Say(kPartySince, language), " ", TimeText(first->recorded_at, language), ", ",
                         Plain(first->origin), " ", first->position.value())};
}

ExitCode RunExplain(const Args& args, const Source& source, Language language, absl::CivilDay day,
                    Io& io) {
  for (const char* flag : {"receiver", "author", "type"}) {
    if (!args.Has(flag)) return FailUsage(io, Str("explain needs --", flag));
  }
  Question question{.receiver = args.Get("receiver"),
                    .author = args.Get("author"),
                    .log_agency = args.GetOr("log", args.Get("author")),
                    .type = service::FindEventType(args.Get("type")),
                    .section = {},
                    .day = day,
                    .party = args.Has("party")};
  const access::Policy policy(source.agreement);
  for (const auto& [flag, agency] : {std::pair("receiver", question.receiver),
                                     {"author", question.author}, {"log", question.log_agency}}) {
    if (policy.Knows(agency)) continue;
    return FailUsage(io, Str("--", flag, " is no agency of this agreement; write its full name (`polku "
                             "agreement show` lists them), or add it to the agreement's agencies"));
  }
  if (question.type == nullptr) {
    return FailUsage(io, "--type is no event type of this version; write its full name, e.g. "
                         "polku.attendance.v1.DayRecorded");
  }
  if (args.Has("section")) {
    question.section = ParseSectionKind(args.Get("section"));
    if (!question.section) {
      return FailUsage(io, "--section is service, identity, social, health or payment");
    }
    if (!FieldsOf(*question.type).contains(*question.section)) {
      return FailUsage(io, Str(question.type->full_name(), " has no fields in that section"));
    }
  }
  std::optional<CaseId> case_id;
  std::optional<AccessClaim> claim;
  if (args.Has("case")) {
    case_id = ParseCaseId(args.Get("case"));
    if (!case_id || case_id->is_zero()) return FailUsage(io, "--case is not 32 hexadecimal digits");
    if (!source.config || args.Has("party")) {
      return FailUsage(io, "--case reads who the parties are from a service: it goes with --config and "
                           "without --party");
    }
    auto read = ReadAccessClaim(args);
    if (!read.ok()) return FailUsage(io, ToStd(read.status().message()));
    claim = *std::move(read);
  }
  std::string party_text;
  if (access::BelongsInAccessStream(question.type->full_name())) {
    question.party = false;
    party_text = Say(kNoParties, language);
  } else if (question.receiver == question.log_agency) {
    party_text = Say(kPartyLog, language);
  } else if (case_id) {
    SectionSet service;
    service.add(SectionKind::kService);
    auto reading = OpenRecorded(args, *claim, {.command = "agreement", .case_id = *case_id, .sections = service});
    if (!reading.ok()) return Fail(io, reading.status());
    const auto party = PartyOf(*case_id, question.receiver, language, *reading);
    if (!party.ok()) return Fail(io, party.status());
    question.party = party->is;
    party_text = party->text;
  } else {
    party_text = Say(question.party ? kPartyYes : kPartyNo, language);
  }
  return PrintExplanation(question, source.agreement, party_text, language, args.json(), io);
}

// ---- show ----

std::string Letters(SectionSet sections, const Descriptor& type) {
  constexpr std::string_view kLetters = "SIOHP";  // in the order of kAllSectionKinds
  const auto fields = FieldsOf(type);
  std::string text;
  for (size_t i = 0; i < kAllSectionKinds.size(); ++i) {
    const SectionKind kind = kAllSectionKinds[i];
    text += sections.has(kind) && fields.contains(kind) ? kLetters[i] : '-';
  }
  return text;
}

ExitCode RunShow(const Args& args, const Source& source, Language language, absl::CivilDay day,
                 Io& io) {
  const Agreement& agreement = source.agreement;
  const access::Policy policy(agreement);
  std::vector<std::string> authors;
  if (args.Has("author")) {
    if (!policy.Knows(args.Get("author"))) {
      return FailUsage(io, "--author is not among the agreement's agencies");
    }
    authors.push_back(args.Get("author"));
  } else {
    for (const auto& agency : agreement.agencies()) authors.push_back(agency.name());
  }
  std::vector<std::string> header = {Say(kType, language), Say(kEvent, language)};
  for (const auto& agency : agreement.agencies()) {
    header.push_back(AgencyLabel(agreement, agency.name(), language));
  }
  TextTable table(header);
  for (const auto* type : service::AllEventTypes()) {
    const std::string& name = type->full_name();
    const bool no_parties = access::BelongsInAccessStream(name);
    std::vector<std::string> row = {name, EventLabel(name, language)};
    for (const auto& receiver : agreement.agencies()) {
      SectionSet all;
      size_t givers = 0;  // authors whose event the receiver gets
      bool depends = false;
      bool always = true;
      for (size_t i = 0; i < authors.size(); ++i) {
        // In nobody's own log: what a line gives in every case, and what it gives to a party.
        const auto in_every = policy.Explain(receiver.name(), authors[i], "", name, false, day).grant;
        const auto as_party =
            no_parties ? in_every
                       : policy.Explain(receiver.name(), authors[i], "", name, true, day).grant;
        if (args.json()) {
          io.out << Str("{\"type\":", JsonString(name), ",\"author\":", JsonString(authors[i]),
                        ",\"receiver\":", JsonString(receiver.name()), ",\"party\":",
                        as_party ? SectionsJson(as_party->sections) : "null", ",\"every_case\":",
                        in_every ? SectionsJson(in_every->sections) : "null", "}\n");
        }
        always = always && as_party && in_every && in_every->sections == as_party->sections;
        if (!as_party) continue;
        depends = depends || (givers > 0 && as_party->sections != all);
        all = all | as_party->sections;
        ++givers;
      }
      std::string cell = givers > 0 ? Letters(all, *type) : ".";
      if (givers > 0 && always) cell += "*";
      if (givers > 0 && (depends || givers < authors.size())) cell += "~";
      if (policy.MayPublish(receiver.name(), name, day)) cell += " +";
      row.push_back(std::move(cell));
    }
    table.Add(std::move(row));
  }
  if (args.json()) return kExitOk;
  table.Print(io.out);
  io.out << "\n" << Say(kDay, language) << " " << DayText(day, language) << ". " << Say(kLegend, language) << "\n";
  return kExitOk;
}

// ---- check ----

ExitCode RunCheck(const Args& args, const Source& source, Io& io) {
  const Agreement& agreement = source.agreement;
  if (args.json()) {
    io.out << Str("{\"name\":", JsonString(agreement.name()), ",\"agencies\":", agreement.agencies_size(),
                  ",\"sharings\":", agreement.sharings_size(), ",\"publishings\":",
                  agreement.publishings_size(), ",\"party_rules\":", agreement.party_rules_size(),
                  ",\"retentions\":", agreement.retentions_size(), "}\n");
    return kExitOk;
  }
  io.out << "ok: " << Plain(agreement.name()) << ", agencies " << agreement.agencies_size()
         << ", lines: sharings " << agreement.sharings_size() << ", publishings "
         << agreement.publishings_size() << ", party_rules " << agreement.party_rules_size()
         << ", retentions " << agreement.retentions_size() << "\n";
  return kExitOk;
}

ExitCode RunAgreement(const Args& args, Io& io) {
  const std::string& action = args.operands()[0];
  if (action != "explain" && action != "show" && action != "check") {
    return FailUsage(io, "say what: polku agreement explain, show or check");
  }
  if (args.Has("config") != (args.operands().size() == 1)) {
    return FailUsage(io, "which agreement? give its files in order, or --config with a service's configuration");
  }
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  absl::CivilDay day = FinnishDay(absl::Now());
  if (args.Has("on")) {
    const auto on = ParseDay(args.Get("on"));
    if (!on) return FailUsage(io, "--on is not a day of the form 2025-03-31");
    day = *on;
  }
  const auto source = LoadSource(args);
  if (!source.ok()) return Fail(io, source.status());
  if (action == "explain") return RunExplain(args, *source, *language, day, io);
  if (action == "show") return RunShow(args, *source, *language, day, io);
  return RunCheck(args, *source, io);
}

}  // namespace

Command AgreementCommand() {
  return {
      {.name = "agreement",
       .summary = "what an agreement says, and why somebody does or does not see something",
       .operands = "explain|show|check [FILE…]",
       .min_operands = 1,
       .max_operands = 1 + kMaxFiles,
       .flags = AccessFlags({{"config", "FILE", "a service's configuration, in place of the agreement's files"},
                 {"receiver", "AGENCY", "explain: who would see it"},
                 {"author", "AGENCY", "explain, show: who published it"},
                 {"type", "TYPE", "explain: the event's full name"},
                 {"section", "KIND", "explain: only service, identity, social, health or payment"},
                 {"log", "AGENCY", "explain: whose log it stands in, when not the author's"},
                 {"party", "", "explain: as if the receiver were a party of the case"},
                 {"case", "CASE", "explain: whether it is one, as the service of --config holds it"},
                 {"on", "DAY", "recorded on that day; today"},
                 {"lang", "fi|sv|en", "language; fi"}}),
       .details =
           "`check` says what is wrong with the files joined in this order, as a service would. `show` prints "
           "who gets which\n"
           "sections of what, and who may publish it. `explain` names each line of the agreement that speaks of "
           "that receiver,\n"
           "author and event, with its basis and dates; the fields that the receiver sees and those withheld; and "
           "what would\n"
           "have to change. Besides what the lines say: an event that corrects another goes to everybody who got "
           "that one,\n"
           "and every party is told who the parties are. --case reads from the service's store who the parties are, "
           "so it\n"
           "goes on record like any read and needs --official, --purpose and --basis.",
       .examples =
           "polku agreement check taulukko-1.textproto osapuolet.textproto agreement.textproto\n"
           "polku agreement show --config oulu-referral.textproto --lang en\n"
           "polku agreement explain --config oulu-referral.textproto --receiver FI/GOV/0246246-0/kela "
           "--author FI/ORG/9999992-5/toimintatupa --type polku.attendance.v1.DayRecorded --party"},
      RunAgreement};
}

}  // namespace polku::cli
