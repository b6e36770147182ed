#include "services/access/policy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "polku/access/v1/access.pb.h"
#include "services/core/calendar.h"
#include "services/core/codec.h"

namespace polku::access {
namespace {

using config::v1::Agreement;
using config::v1::AgencyRole;
using google::protobuf::FieldDescriptor;

// What the line with the rule "every party is told of parties" is called in an explanation.
constexpr std::string_view kPartiesLine = "parties";
constexpr size_t kMaxIdBytes = 64;
constexpr uint32_t kMaxRetentionMonths = 1'200;
// Types and authors come from logs; what is remembered of them stays bounded.
constexpr size_t kMaxCached = 4'096;

// Parties are told who takes part, whatever the agreement's lines say.
bool IsAboutParties(std::string_view type) {
  static const std::string added = v1::PartyAdded::descriptor()->full_name();
  static const std::string removed = v1::PartyRemoved::descriptor()->full_name();
  return type == added || type == removed;
}

bool Names(const google::protobuf::RepeatedPtrField<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool AnyMatches(const google::protobuf::RepeatedPtrField<std::string>& patterns,
                std::string_view type) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return TypeMatches(pattern, type); });
}

// Both ends inclusive, empty is open. An end that is not a day (CheckAgreement refuses it) opens nothing.
bool Holds(const std::string& from, const std::string& until, absl::CivilDay day) {
  if (!from.empty()) {
    const auto first = ParseDay(from);
    if (!first || day < *first) return false;
  }
  if (!until.empty()) {
    const auto last = ParseDay(until);
    if (!last || *last < day) return false;
  }
  return true;
}

// Of the domains: what a service says by itself although a line may let people say it, too.
constexpr std::string_view kAlsoSaidByServices[] = {
    "polku.attendance.v1.DayCorrected",    // after an approved proposal
    "polku.compensation.v1.TravelGranted",
    "polku.compensation.v1.TravelReversed",
    "polku.compensation.v1.PerkGiven",
};

// Of the domain: what moves an agency's money.
constexpr std::string_view kMoney[] = {
    "polku.compensation.v1.Allowance*",
    "polku.compensation.v1.TravelGranted",
    "polku.compensation.v1.TravelReversed",
    "polku.compensation.v1.Payment*",
};

bool IsOf(std::string_view type, std::string_view service) {
  return type.starts_with(Str("polku.", service, "."));
}

std::string LineName(std::string_view list, int index, const std::string& id) {
  return id.empty() ? Str(list, "[", index, "]") : id;
}

}  // namespace

bool TypeMatches(std::string_view pattern, std::string_view type) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return type.starts_with(pattern);
  }
  return pattern == type;
}

bool MovesMoney(std::string_view type) {
  return std::any_of(std::begin(kMoney), std::end(kMoney),
                     [&](std::string_view pattern) { return TypeMatches(pattern, type); });
}

bool MatchesAnyType(std::string_view pattern) {
  const auto& known = service::AllEventTypes();
  return std::any_of(known.begin(), known.end(), [&](const auto* type) {
    return TypeMatches(pattern, type->full_name());
  });
}

Policy::Policy(const Agreement& agreement) : agreement_(agreement) {
  for (const auto& agency : agreement.agencies()) {
    auto& roles = roles_[agency.name()];
    for (int role : agency.roles()) roles.insert(static_cast<AgencyRole>(role));
  }
  std::set<absl::CivilDay> changes;
  const auto note = [&](const auto& lines) {
    for (const auto& line : lines) {
      if (const auto first = ParseDay(line.valid_from())) changes.insert(*first);
      if (const auto last = ParseDay(line.valid_until())) changes.insert(*last + 1);
    }
  };
  note(agreement.sharings());
  note(agreement.publishings());
  changes_.assign(changes.begin(), changes.end());
  for (const auto& rule : agreement.party_rules()) {
    party_rules_[rule.type()].push_back(&rule);
  }
}

bool Policy::Knows(std::string_view agency) const { return roles_.contains(ToAbsl(agency)); }

bool Policy::HasOneOf(std::string_view agency,
                      const google::protobuf::RepeatedField<int>& roles) const {
  const auto known = roles_.find(ToAbsl(agency));
  if (known == roles_.end()) return false;
  return std::any_of(roles.begin(), roles.end(), [&](int role) {
    return known->second.contains(static_cast<AgencyRole>(role));
  });
}

bool Policy::Covers(const config::v1::Sharing& sharing, std::string_view author,
                    std::string_view type) const {
  if (!Knows(author) || !AnyMatches(sharing.types(), type)) return false;
  return Names(sharing.publishers(), "*") || Names(sharing.publishers(), author);
}

bool Policy::Receives(const config::v1::Sharing& sharing, std::string_view agency) const {
  return Names(sharing.receivers(), agency) || HasOneOf(agency, sharing.receiver_roles());
}

bool Policy::MayPublish(std::string_view author, std::string_view type, absl::CivilDay day) const {
  return std::any_of(
      agreement_.publishings().begin(), agreement_.publishings().end(), [&](const auto& line) {
        return AnyMatches(line.types(), type) &&
               (Names(line.authors(), author) || HasOneOf(author, line.author_roles())) &&
               Knows(author) && Holds(line.valid_from(), line.valid_until(), day);
      });
}

bool Policy::PublishedAtAll(std::string_view type) const {
  return std::any_of(agreement_.publishings().begin(), agreement_.publishings().end(),
                     [&](const auto& line) { return AnyMatches(line.types(), type); });
}

bool Policy::Counts(std::string_view origin, std::string_view author, std::string_view type,
                    absl::CivilDay day) const {
  if (IsOf(type, "access")) return true;
  const std::string key = Str(origin, " ", author, " ", type, " ", EraOf(day));
  if (const auto found = counts_.find(key); found != counts_.end()) return found->second;
  const auto counts = [&] {
    const auto name = OriginName::Parse(origin);
    if (!name.ok() || !IsOf(type, name->service())) return false;
    const bool own = author == name->agency();
    if (!Knows(author)) return own;  // it has left the agreement: what it said stands
    if (!own && MovesMoney(type)) return false;
    if (!PublishedAtAll(type)) return own;
    if (MayPublish(author, type, day)) return true;
    return own && std::find(std::begin(kAlsoSaidByServices), std::end(kAlsoSaidByServices), type) !=
                      std::end(kAlsoSaidByServices);
  };
  if (counts_.size() >= kMaxCached) counts_.clear();
  return counts_[key] = counts();
}

size_t Policy::EraOf(absl::CivilDay day) const {
  return static_cast<size_t>(std::upper_bound(changes_.begin(), changes_.end(), day) -
                             changes_.begin());
}

const std::vector<Policy::Receiver>& Policy::ReceiversOf(std::string_view author,
                                                         std::string_view type,
                                                         absl::CivilDay day) const {
  const std::string key = Str(author, " ", type, " ", EraOf(day));
  if (const auto found = cache_.find(key); found != cache_.end()) return found->second;

  std::map<std::string_view, Receiver> receivers;  // ordered: grants ascend by receiver
  for (const auto& sharing : agreement_.sharings()) {
    if (!Covers(sharing, author, type) ||
        !Holds(sharing.valid_from(), sharing.valid_until(), day)) {
      continue;
    }
    const SectionSet sections = SectionsIn(sharing.sections());
    for (const auto& agency : agreement_.agencies()) {
      if (!Receives(sharing, agency.name())) continue;
      Receiver& receiver = receivers[agency.name()];
      std::optional<SectionSet>& got =
          sharing.every_case() ? receiver.in_every_case : receiver.as_party;
      got = got.value_or(SectionSet()) | sections;
    }
  }
  if (cache_.size() >= kMaxCached) cache_.clear();
  std::vector<Receiver>& entry = cache_[key];
  for (auto& [agency, receiver] : receivers) {
    receiver.agency = std::string(agency);
    entry.push_back(std::move(receiver));
  }
  return entry;
}

std::vector<Grant> Policy::Grants(std::string_view author, std::string_view log_agency,
                                  std::string_view type, const Parties& parties,
                                  absl::CivilDay day) const {
  std::vector<Grant> grants;
  for (const Receiver& receiver : ReceiversOf(author, type, day)) {
    const bool party = receiver.agency == log_agency || parties.contains(receiver.agency);
    if (!receiver.in_every_case && !(party && receiver.as_party)) continue;
    SectionSet sections = receiver.in_every_case.value_or(SectionSet());
    if (party) sections = sections | receiver.as_party.value_or(SectionSet());
    grants.push_back({receiver.agency, sections});
  }
  if (!IsAboutParties(type)) return grants;

  std::map<std::string, SectionSet, std::less<>> told;
  for (const Grant& grant : grants) told[grant.receiver] = grant.sections;
  for (const std::string& party : parties) told[party] = told[party] | OnlySection(SectionKind::kService);
  std::string host(log_agency);
  told[host] = told[host] | OnlySection(SectionKind::kService);
  grants.clear();
  for (auto& [receiver, sections] : told) grants.push_back({receiver, sections});
  return grants;
}

size_t Policy::ReceiversOfEveryCase(std::string_view type) const {
  size_t count = 0;
  for (const auto& agency : agreement_.agencies()) {
    const bool receives = std::any_of(
        agreement_.sharings().begin(), agreement_.sharings().end(), [&](const auto& sharing) {
          return sharing.every_case() && AnyMatches(sharing.types(), type) &&
                 Receives(sharing, agency.name());
        });
    if (receives) ++count;
  }
  return count;
}

Explanation Policy::Explain(std::string_view receiver, std::string_view author,
                            std::string_view log_agency, std::string_view type, bool is_party,
                            absl::CivilDay day) const {
  const bool party = is_party || receiver == log_agency;
  Explanation explanation;
  const auto add = [&](Reason reason) {
    if (reason.kind == Reason::Kind::kGrants) {
      if (!explanation.grant) explanation.grant = Grant{std::string(receiver), {}};
      explanation.grant->sections = explanation.grant->sections | reason.sections;
    }
    explanation.reasons.push_back(std::move(reason));
  };
  for (int i = 0; i < agreement_.sharings_size(); ++i) {
    const auto& sharing = agreement_.sharings(i);
    if (!Covers(sharing, author, type) || !Knows(receiver) || !Receives(sharing, receiver)) {
      continue;
    }
    Reason reason{.line = LineName("sharings", i, sharing.id()),
                  .legal_basis = sharing.legal_basis(),
                  .sections = SectionsIn(sharing.sections()),
                  .valid_from = sharing.valid_from(),
                  .valid_until = sharing.valid_until()};
    if (!Holds(sharing.valid_from(), sharing.valid_until(), day)) {
      reason.kind = Reason::Kind::kOtherDay;
    } else {
      reason.kind = party || sharing.every_case() ? Reason::Kind::kGrants : Reason::Kind::kNoParty;
    }
    add(std::move(reason));
  }
  if (IsAboutParties(type)) {
    add({.kind = party ? Reason::Kind::kGrants : Reason::Kind::kNoParty,
         .line = std::string(kPartiesLine),
         .legal_basis = {},
         .sections = OnlySection(SectionKind::kService),
         .valid_from = {},
         .valid_until = {}});
  }
  if (explanation.reasons.empty()) add(Reason());
  return explanation;
}

std::vector<std::string> Policy::Named(const google::protobuf::Message& event) const {
  const auto& type = *event.GetDescriptor();
  const auto rules = party_rules_.find(type.full_name());
  if (rules == party_rules_.end()) return {};
  std::set<std::string> named;
  const auto take = [&](const std::string& agency) {
    if (Knows(agency)) named.insert(agency);
  };
  const auto& reflection = *event.GetReflection();
  std::string scratch;
  const auto meets = [&](const config::v1::PartyRule& rule) {
    if (rule.when_field().empty()) return true;
    const FieldDescriptor* field = type.FindFieldByName(rule.when_field());
    if (field == nullptr || field->is_repeated() || field->type() != FieldDescriptor::TYPE_ENUM) {
      return false;
    }
    const std::string& value = reflection.GetEnum(event, field)->name();
    return std::find(rule.when_values().begin(), rule.when_values().end(), value) !=
           rule.when_values().end();
  };
  for (const config::v1::PartyRule* rule : rules->second) {
    if (!meets(*rule)) continue;
    const FieldDescriptor* field = type.FindFieldByName(rule->field());
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    if (!field->is_repeated()) {
      take(reflection.GetStringReference(event, field, &scratch));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(event, field); ++i) {
      take(reflection.GetRepeatedStringReference(event, field, i, &scratch));
    }
  }
  return {named.begin(), named.end()};
}

std::optional<Policy::Kept> Policy::KeptBy(std::string_view agency, std::string_view type,
                                           SectionKind kind, absl::CivilDay recorded) const {
  std::optional<Kept> kept;
  for (const auto& line : agreement_.retentions()) {
    if (!Names(line.agencies(), agency) || !AnyMatches(line.types(), type) ||
        !SectionsIn(line.sections()).has(kind)) {
      continue;
    }
    const absl::CivilDay until = service::AddMonths(recorded, static_cast<int>(line.months()));
    if (!kept || kept->until < until) kept = Kept{until, line.legal_basis()};
  }
  return kept;
}

// ---- CheckAgreement ----

namespace {

using Problem = std::optional<std::string>;
using Texts = google::protobuf::RepeatedPtrField<std::string>;
using Numbers = google::protobuf::RepeatedField<int>;

class Checker {
 public:
  explicit Checker(const Agreement& agreement) : agreement_(agreement) {}

  Problem Check() {
    if (auto no = Agencies()) return no;
    for (int i = 0; i < agreement_.sharings_size(); ++i) {
      if (auto no = Line("sharings", i, agreement_.sharings(i))) return no;
    }
    for (int i = 0; i < agreement_.publishings_size(); ++i) {
      if (auto no = Line("publishings", i, agreement_.publishings(i))) return no;
    }
    for (int i = 0; i < agreement_.party_rules_size(); ++i) {
      if (auto no = PartyRule(Str("party_rules[", i, "]"), agreement_.party_rules(i))) return no;
    }
    for (int i = 0; i < agreement_.retentions_size(); ++i) {
      if (auto no = Line("retentions", i, agreement_.retentions(i))) return no;
    }
    return std::nullopt;
  }

 private:
  Problem Agencies() {
    for (const auto& agency : agreement_.agencies()) {
      if (auto valid = ValidateAgencyName(agency.name()); !valid.ok()) {
        return Str("agencies: '", agency.name(), "': ", ToStd(valid.message()));
      }
      if (!names_.insert(agency.name()).second) {
        return Str("agencies: ", agency.name(), " is listed twice; once, in one file, is enough");
      }
      if (agency.roles().empty()) {
        return Str("agencies: ", agency.name(), " has no role; add roles: AGENCY_ROLE_…");
      }
      if (auto no = Roles("agencies", Str(agency.name(), " has the role "), agency.roles())) {
        return no;
      }
    }
    if (names_.empty()) return "agencies: there is none; list who takes part";
    return std::nullopt;
  }

  Problem Line(std::string_view list, int index, const config::v1::Sharing& line) {
    const std::string at = LineName(list, index, line.id());
    if (auto no = Id(list, index, line.id())) return no;
    if (line.publishers().empty() || line.types().empty() ||
        (line.receivers().empty() && line.receiver_roles().empty())) {
      return Str(at, ": publishers, receivers or receiver_roles, and types must each name something");
    }
    for (const auto& publisher : line.publishers()) {
      if (publisher == "*") continue;
      if (auto no = Declared(at, "publisher", publisher)) return no;
    }
    for (const auto& receiver : line.receivers()) {
      if (auto no = Declared(at, "receiver", receiver)) return no;
    }
    if (auto no = Roles(at, "receiver_roles has ", line.receiver_roles())) return no;
    if (auto no = Types(at, line.types())) return no;
    if (auto no = Sections(at, line.sections())) return no;
    if (auto no = Days(at, line.valid_from(), line.valid_until())) return no;
    return Basis(at, line.legal_basis());
  }

  Problem Line(std::string_view list, int index, const config::v1::Publishing& line) {
    const std::string at = LineName(list, index, line.id());
    if (auto no = Id(list, index, line.id())) return no;
    if (line.types().empty() || (line.authors().empty() && line.author_roles().empty())) {
      return Str(at, ": authors or author_roles, and types must each name something");
    }
    for (const auto& author : line.authors()) {
      if (auto no = Declared(at, "author", author)) return no;
    }
    if (auto no = Roles(at, "author_roles has ", line.author_roles())) return no;
    if (auto no = Types(at, line.types())) return no;
    if (auto no = Days(at, line.valid_from(), line.valid_until())) return no;
    return Basis(at, line.legal_basis());
  }

  Problem Line(std::string_view list, int index, const config::v1::Retention& line) {
    const std::string at = LineName(list, index, line.id());
    if (auto no = Id(list, index, line.id())) return no;
    if (line.agencies().empty() || line.types().empty() || line.sections().empty()) {
      return Str(at, ": agencies, types and sections must each name something");
    }
    for (const auto& agency : line.agencies()) {
      if (auto no = Declared(at, "agency", agency)) return no;
    }
    if (auto no = Types(at, line.types())) return no;
    if (auto no = Sections(at, line.sections())) return no;
    if (line.months() == 0 || line.months() > kMaxRetentionMonths) {
      return Str(at, ": months must be 1 to ", kMaxRetentionMonths, ", counted from the recording");
    }
    return Basis(at, line.legal_basis());
  }

  Problem PartyRule(const std::string& at, const config::v1::PartyRule& rule) {
    const auto* type = service::FindEventType(rule.type());
    if (type == nullptr) {
      return Str(at, ": ", rule.type(), " is no event type of this version; write its full name, "
                 "e.g. polku.referral.v1.ReferralMade");
    }
    const FieldDescriptor* field = type->FindFieldByName(rule.field());
    if (field == nullptr || field->type() != FieldDescriptor::TYPE_STRING) {
      return Str(at, ": ", rule.type(), " has no string field '", rule.field(),
                 "'; name a field that holds an agency's name");
    }
    if (service::SectionOf(*field) != SectionKind::kService) {
      return Str(at, ": ", rule.type(), ".", rule.field(), " stands in the ",
                 SectionKindName(service::SectionOf(*field)),
                 " section; only fields of the service section make parties, which all are told of");
    }
    if (auto no = Condition(at, rule, *type)) return no;
    // An event that nobody may publish is no ground for a party: no log would believe another's.
    const bool published = std::any_of(
        agreement_.publishings().begin(), agreement_.publishings().end(),
        [&](const auto& line) { return AnyMatches(line.types(), rule.type()); });
    if (!published) {
      return Str(at, ": no line of publishings lets anybody publish ", rule.type(),
                 "; add one, or join the file that has it");
    }
    return std::nullopt;
  }

  static Problem Condition(const std::string& at, const config::v1::PartyRule& rule,
                           const google::protobuf::Descriptor& type) {
    if (rule.when_field().empty() && rule.when_values().empty()) return std::nullopt;
    const FieldDescriptor* field = type.FindFieldByName(rule.when_field());
    if (field == nullptr || field->is_repeated() || field->type() != FieldDescriptor::TYPE_ENUM ||
        service::SectionOf(*field) != SectionKind::kService) {
      return Str(at, ": when_field '", rule.when_field(), "': ", rule.type(),
                 " has no such enum field in the service section; name one, or leave out when_values, too");
    }
    if (rule.when_values().empty()) {
      return Str(at, ": when_field without when_values never holds; name values of ",
                 field->enum_type()->full_name());
    }
    for (const auto& value : rule.when_values()) {
      if (field->enum_type()->FindValueByName(value) != nullptr) continue;
      return Str(at, ": when_values: '", value, "' is no value of ", field->enum_type()->full_name());
    }
    return std::nullopt;
  }

  Problem Id(std::string_view list, int index, const std::string& id) {
    if (id.empty()) return std::nullopt;
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (id.size() > kMaxIdBytes || id.find_first_not_of(kAllowed) != std::string::npos) {
      return Str(list, "[", index, "]: the id must be 1 to ", kMaxIdBytes,
                 " of letters a-z, digits, hyphens, underscores and dots");
    }
    if (!ids_.insert(id).second) {
      return Str(list, "[", index, "]: the id ", id,
                 " is there twice; give this line another, or take a file out that is joined twice");
    }
    return std::nullopt;
  }

  Problem Declared(const std::string& at, std::string_view what, const std::string& agency) const {
    if (names_.contains(agency)) return std::nullopt;
    return Str(at, ": ", what, " ", agency, " is not among the agencies; add it there or name a role");
  }

  static Problem Roles(const std::string& at, const std::string& what, const Numbers& roles) {
    for (int role : roles) {
      if (role != 0 && config::v1::AgencyRole_IsValid(role)) continue;
      return Str(at, ": ", what, role, ", which is no role; see AgencyRole");
    }
    return std::nullopt;
  }

  static Problem Types(const std::string& at, const Texts& patterns) {
    for (const auto& pattern : patterns) {
      if (MatchesAnyType(pattern)) continue;
      return Str(at, ": '", pattern, "' matches no event type of this version; correct it, or "
                 "update the program first");
    }
    return std::nullopt;
  }

  static Problem Sections(const std::string& at, const Numbers& kinds) {
    for (int kind : kinds) {
      if (kind != 0 && event::v1::SectionKind_IsValid(kind)) continue;
      return Str(at, ": section ", kind, " is none; see SectionKind");
    }
    return std::nullopt;
  }

  static Problem Days(const std::string& at, const std::string& from, const std::string& until) {
    for (const auto& [name, text] :
         {std::pair("valid_from", &from), std::pair("valid_until", &until)}) {
      if (text->empty() || ParseDay(*text)) continue;
      return Str(at, ": ", name, " '", *text, "' is not a day of the form 2025-03-31");
    }
    if (!from.empty() && !until.empty() && *ParseDay(until) < *ParseDay(from)) {
      return Str(at, ": valid_until is before valid_from");
    }
    return std::nullopt;
  }

  static Problem Basis(const std::string& at, const std::string& basis) {
    if (!basis.empty()) return std::nullopt;
    return Str(at, ": legal_basis is missing; every line rests on one");
  }

  const Agreement& agreement_;
  std::set<std::string> names_;
  std::set<std::string> ids_;
};

}  // namespace

std::optional<std::string> CheckAgreement(const Agreement& agreement) {
  return Checker(agreement).Check();
}

}  // namespace polku::access
