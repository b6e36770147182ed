#include "services/access/case_access.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/event_dispatch.h"
#include "services/core/finnish_ids.h"
#include "services/core/message_cast.h"
#include "services/core/offer_checks.h"
#include "services/core/standing.h"

namespace polku::access {
namespace {

using service::As;
using Answer = std::optional<Refused>;

template <typename Visitor, typename Result>
using CaseEvents =
    service::EventDispatch<Visitor, Result, v1::PartyAdded, v1::PartyRemoved, v1::Disclosed,
                           v1::CorrectionRequested, v1::CorrectionDecided>;
template <typename Visitor, typename Result>
using StreamEvents =
    service::EventDispatch<Visitor, Result, v1::AccessRecorded, v1::ErasureRequested,
                           v1::ErasureConfirmed, v1::ErasureCancelled>;

// "<agency>/<service>" of an origin: the log goes on under another epoch.
std::string_view ServiceOf(std::string_view origin) {
  return origin.substr(0, std::min(origin.rfind('/'), origin.size()));
}

bool SameService(std::string_view a, std::string_view b) { return ServiceOf(a) == ServiceOf(b); }

CaseId CaseOf(const std::string& bytes) { return CaseId::FromBytes(bytes).value_or(CaseId()); }

}  // namespace

CaseId AccessStreamOf(const CaseId& case_id) {
  const Hash hash =
      Sha256({"polku/access-stream/v1", std::string_view("\0", 1), case_id.view()});
  return *CaseId::FromBytes(hash.view().substr(0, CaseId::kBytes));
}

bool BelongsInAccessStream(std::string_view type) {
  struct Nothing {};
  static const auto types = StreamEvents<Nothing, bool>::FullNames();
  return std::find(types.begin(), types.end(), type) != types.end();
}

const std::vector<std::string_view>& AccessEventTypes() {
  static const auto types = [] {
    std::vector<std::string_view> all;
    const auto* file = v1::PartyAdded::descriptor()->file();
    for (int i = 0; i < file->message_type_count(); ++i) {
      all.push_back(file->message_type(i)->full_name());
    }
    return all;
  }();
  return types;
}

// ---- Evolve ----

void CaseAccess::Evolve(const service::Fact& fact, const Policy& policy,
                        std::string_view own_origin) {
  const std::string_view log_agency = AgencyOfName(fact.origin);
  if (BelongsInAccessStream(fact.body.GetDescriptor()->full_name())) {
    if (SameService(fact.origin, own_origin) && !access_stream_) {
      // Whatever else stands under its id has made no parties.
      access_stream_ = true;
      known_ = false;
      began_.clear();
      parties_.clear();
      were_parties_.clear();
      unnamed_first_.clear();
      named_.clear();
      added_.clear();
    }
    return EvolveStream(fact, log_agency);
  }
  if (!access_stream_) EvolveParties(fact, policy, own_origin);

  if (const auto* disclosed = As<v1::Disclosed>(fact.body)) {
    const auto answered = EventId::FromBytes(disclosed->party_event_id());
    if (answered && fact.author_agency == log_agency) {
      answered_[std::string(fact.origin)].insert({disclosed->party_origin(), *answered});
    }
  } else if (const auto* requested = As<v1::CorrectionRequested>(fact.body)) {
    const auto corrected = EventId::FromBytes(requested->corrected_event_id());
    if (!corrected) return;
    corrections_.try_emplace(fact.id, Correction{.origin = requested->origin(),
                                                 .corrected = *corrected,
                                                 .requested_by_agency = std::string(fact.author_agency),
                                                 .correcting = {}});
  } else if (const auto* decided = As<v1::CorrectionDecided>(fact.body)) {
    const auto id = EventId::FromBytes(decided->request_event_id());
    const auto request = id ? corrections_.find(*id) : corrections_.end();
    // Whose log holds the entry has judged who may decide about it; the first answer holds.
    if (request == corrections_.end() || !SameService(request->second.origin, fact.origin) ||
        request->second.result != v1::CORRECTION_RESULT_UNSPECIFIED) {
      return;
    }
    request->second.result = decided->result();
    request->second.correcting =
        EventId::FromBytes(decided->correcting_event_id()).value_or(EventId());
  }
}

void CaseAccess::EvolveParties(const service::Fact& fact, const Policy& policy,
                               std::string_view own_origin) {
  static const std::string& party_added = v1::PartyAdded::descriptor()->full_name();
  const std::string_view log_agency = AgencyOfName(fact.origin);
  const absl::CivilDay day = FinnishDay(fact.recorded_at);
  const std::string& type = fact.body.GetDescriptor()->full_name();
  const auto author_may = [&] { return policy.MayPublish(fact.author_agency, type, day); };
  // A log says of itself who wrote its entries: whose log it is must be one whose word counts in this case. Who may
  // say by its role who takes part may begin a case that nobody here knows; it makes itself no party of another.
  const auto log_counts = [&] {
    if (SameService(fact.origin, own_origin)) return true;
    if (known_) return parties_.contains(log_agency) || began_ == log_agency;
    return policy.MayPublish(log_agency, party_added, day);
  };
  if (!known_ && log_counts() && (fact.author_agency == log_agency || author_may())) {
    known_ = true;
    began_ = log_agency;
    parties_.emplace(fact.author_agency);
    were_parties_.emplace(fact.author_agency);
    unnamed_first_ = std::string(fact.author_agency);
    added_.try_emplace({std::string(fact.origin), fact.id},
                       Added{std::string(fact.author_agency), fact.order});
  }

  if (const auto* added = As<v1::PartyAdded>(fact.body)) {
    if (!policy.Knows(added->agency()) || !log_counts()) return;
    bool said = author_may();
    if (added->reason() == v1::PARTY_REASON_NAMED_IN_EVENT) {
      const auto cause = EventId::FromBytes(added->cause_event_id());
      const auto named =
          cause ? named_.find({std::string(ServiceOf(fact.origin)), *cause}) : named_.end();
      const bool seen = named != named_.end() && named->second.contains(added->agency());
      said = fact.author_agency == log_agency && (said || seen);
    } else if (added->reason() == v1::PARTY_REASON_CARRIED_OVER) {
      said = fact.author_agency == log_agency && SameService(fact.origin, own_origin);
    }
    if (!said) return;
    if (added->agency() == unnamed_first_) unnamed_first_.clear();
    parties_.insert(added->agency());
    were_parties_.insert(added->agency());
    added_.insert_or_assign({std::string(fact.origin), fact.id},
                            Added{added->agency(), fact.order,
                                  added->reason() == v1::PARTY_REASON_NAMED_IN_EVENT});
  } else if (const auto* removed = As<v1::PartyRemoved>(fact.body)) {
    const bool leaves = fact.author_agency == removed->agency();
    bool said = leaves ? log_agency == removed->agency() || log_counts()
                       : author_may() && log_counts();
    if (removed->reason() == v1::PARTY_END_REFERRAL_ENDED) {
      said = fact.author_agency == log_agency && log_counts() &&
             OnlyNamedBy(fact.origin, removed->agency());
    }
    if (!said) return;
    parties_.erase(removed->agency());
    std::erase_if(added_, [&](const auto& one) { return one.second.agency == removed->agency(); });
  } else {
    const auto names = policy.Named(fact.body);
    const bool transfer = As<referral::v1::OrganiserTransferred>(fact.body) != nullptr;
    if ((names.empty() && !transfer) || !author_may() || !log_counts()) return;
    successors_.Fold(fact);
    if (names.empty()) return;
    named_[{std::string(ServiceOf(fact.origin)), fact.id}].insert(names.begin(), names.end());
  }
}

bool CaseAccess::TakesTheWordOf(std::string_view log_agency) const {
  return !known_ || began_ == log_agency || were_parties_.contains(log_agency);
}

void CaseAccess::EvolveStream(const service::Fact& fact, std::string_view log_agency) {
  if (fact.author_agency != log_agency) return;
  auto& erasures = erasures_[std::string(fact.origin)];
  const auto find = [&](const std::string& id_bytes) -> Erasure* {
    const auto id = EventId::FromBytes(id_bytes);
    const auto found = id ? erasures.find(*id) : erasures.end();
    return found == erasures.end() || found->second.confirmed || found->second.cancelled
               ? nullptr
               : &found->second;
  };
  if (const auto* requested = As<v1::ErasureRequested>(fact.body)) {
    erasures.try_emplace(fact.id, Erasure{.case_id = CaseOf(requested->case_id()),
                                          .tier = requested->tier(),
                                          .legal_basis = requested->legal_basis(),
                                          .requested_by = std::string(fact.author_official),
                                          .confirmed_by = {}});
  } else if (const auto* confirmed = As<v1::ErasureConfirmed>(fact.body)) {
    Erasure* erasure = find(confirmed->request_event_id());
    if (erasure == nullptr || erasure->requested_by == fact.author_official) return;
    erasure->confirmed = true;
    erasure->confirmed_at = fact.order;
    erasure->confirmed_by = std::string(fact.author_official);
  } else if (const auto* cancelled = As<v1::ErasureCancelled>(fact.body)) {
    if (Erasure* erasure = find(cancelled->request_event_id())) erasure->cancelled = true;
  }
}

bool CaseAccess::OnlyNamedBy(std::string_view origin, std::string_view agency) const {
  if (!parties_.contains(agency) || agency == unnamed_first_) return false;
  return std::all_of(added_.begin(), added_.end(), [&](const auto& one) {
    return one.second.agency != agency ||
           (one.second.named && SameService(one.first.origin, origin));
  });
}

bool CaseAccess::Answered(std::string_view origin, const PartyEvent& party_event) const {
  const auto of_log = answered_.find(origin);
  return of_log != answered_.end() && of_log->second.contains(party_event);
}

std::vector<v1::PartyAdded> CaseAccess::ToCarryOver(std::string_view own_origin,
                                                    absl::CivilDay today) const {
  std::set<std::string_view> named;
  for (const auto& [event, added] : added_) {
    if (SameService(event.origin, own_origin)) named.insert(added.agency);
  }
  std::map<std::string_view, v1::PartyAdded> parties;
  for (const auto& [event, added] : added_) {
    if (named.contains(added.agency)) continue;
    const auto [party, is_new] = parties.try_emplace(added.agency);
    if (!is_new) continue;
    party->second.set_agency(added.agency);
    party->second.set_added_on(FormatDay(today));
    party->second.set_reason(v1::PARTY_REASON_CARRIED_OVER);
    party->second.set_cause_event_id(std::string(event.id.view()));
  }
  std::vector<v1::PartyAdded> all;
  for (auto& [agency, party] : parties) all.push_back(std::move(party));
  return all;
}

const std::map<EventId, CaseAccess::Erasure>* CaseAccess::erasures(std::string_view origin) const {
  const auto of_log = erasures_.find(origin);
  return of_log == erasures_.end() ? nullptr : &of_log->second;
}

// ---- Decide ----

namespace {

Refused Refuse(std::string_view code, std::string message) {
  return {{std::string(code), std::move(message)}, false};
}
Refused NotEntitled(std::string_view code, std::string message) {
  return {{std::string(code), std::move(message)}, true};
}

Refused MissingReason(std::string_view what) {
  return Refuse("missing_reason", Str("fill in ", what));
}

// Of the domains: events that take the place of one of another type.
constexpr std::pair<std::string_view, std::string_view> kCorrecting[] = {
    {"polku.attendance.v1.DayCorrected", "polku.attendance.v1.DayRecorded"},
};

// The requests below read like a form: each line a condition and what to say when it fails.
class Decider {
 public:
  Decider(const CaseAccess& access, const Question& question, const Policy& policy,
          const service::Rules& rules, absl::CivilDay today)
      : access_(access), question_(question), policy_(policy), rules_(rules), today_(today),
        author_(question.offer.author_agency),
        type_(question.offer.body.GetDescriptor()->full_name()) {}

  Answer Decide() {
    if (auto no = OfItsKind()) return no;
    const auto& body = question_.offer.body;
    if (body.GetDescriptor()->file() != v1::PartyAdded::descriptor()->file()) return std::nullopt;
    // The domain sees to its own events.
    if (auto broken = service::CheckConventions(body)) return Refused{*std::move(broken), false};
    return std::nullopt;
  }

  // ---- In the case ----

  Answer On(const v1::PartyAdded& e) {
    if (e.reason() == v1::PARTY_REASON_NAMED_IN_EVENT) {
      return Refuse("not_offered",
                    "the service itself adds the agencies that an event names; give the reason of "
                    "your own act");
    }
    if (e.reason() == v1::PARTY_REASON_CARRIED_OVER) {
      return Refuse("not_offered",
                    "the service itself carries parties over when a log's part is erased; give the "
                    "reason of your own act");
    }
    if (auto no = MayTakePart()) return no;
    if (auto no = KnownAgency(e.agency())) return no;
    if (e.reason() == v1::PARTY_REASON_UNSPECIFIED) return MissingReason("field reason");
    // The author of the first entry is a party where that entry is seen: other logs learn of it by name.
    if (access_.parties().contains(e.agency()) && e.agency() != access_.unnamed_first()) {
      return Refuse("already_a_party", Str(e.agency(), " is a party of this case already"));
    }
    return std::nullopt;
  }

  Answer On(const v1::PartyRemoved& e) {
    if (e.agency() != author_) {
      if (auto no = MayTakePart()) return no;
    }
    if (auto no = KnownAgency(e.agency())) return no;
    if (e.reason() == v1::PARTY_END_UNSPECIFIED) return MissingReason("field reason");
    if (e.reason() == v1::PARTY_END_REFERRAL_ENDED) {
      return Refuse("not_offered",
                    "the service itself ends the part of an agency whose referral came to nothing; give the "
                    "reason of your own act");
    }
    if (!access_.parties().contains(e.agency())) {
      return Refuse("not_yet_a_party", Str(e.agency(), " is no party of this case"));
    }
    return std::nullopt;
  }

  Answer On(const v1::Disclosed&) {
    return Refuse("not_offered",
                  "the service itself opens earlier entries to a new party; offer a PartyAdded");
  }

  Answer On(const v1::CorrectionRequested& e) {
    if (auto no = MayTakePart()) return no;
    const bool here = SameService(e.origin(), question_.own_origin);
    if (!OriginName::Parse(e.origin()).ok() || e.corrected_event_id().size() != EventId::kBytes ||
        (here && question_.corrected_author.empty())) {
      return UnknownCorrected();
    }
    if (e.what().empty() && e.health_what().empty()) {
      return MissingReason("field what, or health_what: what is wrong and what would be right");
    }
    return std::nullopt;
  }

  Answer On(const v1::CorrectionDecided& e) {
    const auto id = EventId::FromBytes(e.request_event_id());
    const auto request = id ? access_.corrections().find(*id) : access_.corrections().end();
    if (request == access_.corrections().end()) {
      return Refuse("unknown_request",
                    "no such CorrectionRequested of this case is on record here; name its event id");
    }
    if (!SameService(request->second.origin, question_.own_origin)) {
      return Refuse("wrong_stream", Str("decide it at the service whose log holds the entry: ",
                                        request->second.origin));
    }
    if (author_ != rules_.own_agency && !WroteOrFollows(question_.corrected_author)) {
      return NotEntitled("not_the_author",
                         "only the agency that wrote the entry, or the one whose log it is, decides");
    }
    if (!policy_.MayPublish(author_, type_, today_)) return NotInAgreement();
    if (request->second.result != v1::CORRECTION_RESULT_UNSPECIFIED) {
      return Refuse("already_decided", "this request has its decision; a new one needs a new request");
    }
    if (e.result() == v1::CORRECTION_RESULT_UNSPECIFIED) return MissingReason("field result");
    if (e.result() == v1::CORRECTION_RESULT_REJECTED && e.grounds().empty()) {
      return MissingReason("field grounds: why the request is rejected");
    }
    return std::nullopt;
  }

  // ---- In the access stream: the service's own configuration says who may, not the agreement ----

  Answer On(const v1::AccessRecorded& e) {
    if (auto no = OwnAct(e.case_id(), /*of_a_case=*/false)) return no;
    if (!question_.may_operate) {
      return NotEntitled("key_may_not", "this key may not record reads; it needs RIGHT_OPERATE");
    }
    if (question_.offer.author_official.empty()) {
      return Refuse("missing_official", "name the official who reads");
    }
    if (e.purpose() == v1::ACCESS_PURPOSE_UNSPECIFIED) {
      return Refuse("missing_purpose", "name the purpose of the read; without one nothing is shown");
    }
    if (auto no = Basis(e.legal_basis())) return no;
    return NoPersonalData({&e.legal_basis(), &e.command(), &e.scope()});
  }

  Answer On(const v1::ErasureRequested& e) {
    if (auto no = ErasingAct(e.case_id())) return no;
    if (e.tier() == event::v1::ERASURE_TIER_UNSPECIFIED) return MissingReason("field tier");
    if (auto no = Basis(e.legal_basis())) return no;
    if (e.has_rule() && !IsRetentionRule(e.rule())) {
      return Refuse("unknown_rule",
                    "the profile of this service has no such retention rule of that version; "
                    "`polku retention due` names the rules");
    }
    if (auto no = SomethingToErase()) return no;
    if (e.has_rule()) {
      if (auto no = RuleDue()) return no;
    }
    return NoPersonalData({&e.legal_basis()});
  }

  Answer On(const v1::ErasureConfirmed& e) {
    if (auto no = ErasingAct(e.case_id())) return no;
    const CaseAccess::Erasure* request = nullptr;
    if (auto no = OpenErasure(e.request_event_id(), request)) return no;
    if (request->requested_by == question_.offer.author_official) {
      return NotEntitled("same_official",
                         "another official than the one who asked must confirm an erasure");
    }
    return SomethingToErase();
  }

  Answer On(const v1::ErasureCancelled& e) {
    if (auto no = ErasingAct(e.case_id())) return no;
    const CaseAccess::Erasure* request = nullptr;
    return OpenErasure(e.request_event_id(), request);
  }

 private:
  Answer OfItsKind() {
    static const StreamEvents<Decider, Answer> in_stream;
    static const CaseEvents<Decider, Answer> in_case;
    const auto& body = question_.offer.body;
    if (in_stream.Knows(body)) return in_stream.Visit(*this, body);
    static const CaseId reads_of_no_case = AccessStreamOf(CaseId());
    if (access_.is_access_stream() || question_.stream == reads_of_no_case) {
      return Refuse("wrong_stream",
                    "this is the stream of a case's reads and erasures; offer the event with the "
                    "id of the case itself");
    }
    return in_case.Knows(body) ? in_case.Visit(*this, body) : MayTakePart();
  }

  // What holds for every event of a case: the agreement, and who takes part in it.
  Answer MayTakePart() const {
    if (!policy_.MayPublish(author_, type_, today_)) return NotInAgreement();
    const bool own_entry =
        !question_.corrected_author.empty() && WroteOrFollows(question_.corrected_author);
    // A log's agency is a party of what its own log records; who wrote a wrong entry may put it right.
    if (access_.known() && author_ != rules_.own_agency && !own_entry &&
        !access_.parties().contains(author_)) {
      return NotEntitled("not_a_party",
                         Str(author_, " is no party of this case; a party must offer a "
                             "polku.access.v1.PartyAdded first"));
    }
    if (author_ != rules_.own_agency && MovesMoney(type_)) {
      return NotEntitled("own_agency_only",
                         Str("this service records the money of ", rules_.own_agency,
                             "; offer what ", author_, " grants and pays at its own service"));
    }
    if (question_.corrects && question_.corrected_author.empty()) return UnknownCorrected();
    return question_.corrected ? Corrects(*question_.corrected) : std::nullopt;
  }

  // It goes to everybody who got that one: nobody may choose for that another's entry, or one that says other things.
  Answer Corrects(const Question::Corrected& corrected) const {
    if (author_ != rules_.own_agency && !WroteOrFollows(corrected.author)) {
      return NotEntitled("not_its_correction",
                         Str("the entry is one of ", corrected.author, ", which corrects it, as may ",
                             rules_.own_agency, "; offer a polku.access.v1.CorrectionRequested"));
    }
    if (!TakesThePlaceOf(type_, corrected.type)) {
      return NotEntitled("not_its_correction",
                         Str("an event of type ", type_, " does not take the place of one of type ",
                             corrected.type, "; correct that one by one of its own type, or leave "
                             "corrects out"));
    }
    return MayGiveWay();
  }

  // Others have acted on it since.
  Answer MayGiveWay() const {
    if (!type_.starts_with("polku.compensation.v1.") || service::GivesWay(type_)) return std::nullopt;
    return Refuse("not_corrected",
                  "claims and money are not corrected: reject, withdraw or reverse what is wrong "
                  "(TravelClaimRejected, PerkWithdrawn, PaymentRejected, TravelReversed, PaymentReversed), then say "
                  "it anew without corrects");
  }

  // Who wrote an entry puts it right, and whoever acts for it now.
  bool WroteOrFollows(std::string_view author_of_entry) const {
    return author_ == author_of_entry ||
           access_.successors().ActsFor(author_, author_of_entry, today_);
  }

  Refused NotInAgreement() const {
    return NotEntitled("not_in_agreement",
                       Str("no line of the agreement's publishings lets ", author_, " publish ",
                           type_, " on ", FormatDay(today_),
                           "; see `polku agreement show`, or have the agreement changed"));
  }

  static Refused UnknownCorrected() {
    return Refuse("unknown_corrected_event",
                  "no such entry of this case is in this log; name the origin and the event id of "
                  "the entry that is wrong");
  }

  Answer KnownAgency(std::string_view agency) const {
    if (policy_.Knows(agency)) return std::nullopt;
    return Refuse("unknown_agency", "field agency: name an agency of the agreement, in full");
  }

  // An act on the access stream of that case, by the agency whose log this is.
  Answer OwnAct(const std::string& case_id, bool of_a_case) const {
    if (author_ != rules_.own_agency) {
      return NotEntitled("own_agency_only",
                         Str("only ", rules_.own_agency, " records this at its own service"));
    }
    const bool form = case_id.size() == CaseId::kBytes || (case_id.empty() && !of_a_case);
    if (!form || question_.stream != AccessStreamOf(CaseOf(case_id))) {
      return Refuse("wrong_stream",
                    "offer this with the id of the access stream of the case that it names");
    }
    return std::nullopt;
  }

  Answer ErasingAct(const std::string& case_id) const {
    if (auto no = OwnAct(case_id, /*of_a_case=*/true)) return no;
    if (!question_.may_erase) {
      return NotEntitled("key_may_not", "this key may not erase; it needs RIGHT_ERASE");
    }
    if (!question_.official_bound || question_.offer.author_official.empty()) {
      return NotEntitled("official_not_bound",
                         "bind the key to one official in the service's principals");
    }
    return std::nullopt;
  }

  Answer OpenErasure(const std::string& id_bytes, const CaseAccess::Erasure*& request) const {
    const auto* erasures = access_.erasures(question_.own_origin);
    const auto id = EventId::FromBytes(id_bytes);
    if (erasures == nullptr || !id || !erasures->contains(*id)) {
      return Refuse("unknown_request",
                    "no such ErasureRequested of this case is in this log; name its event id");
    }
    request = &erasures->at(*id);
    if (request->confirmed || request->cancelled) {
      return Refuse("already_decided", "this request was confirmed or cancelled already");
    }
    return std::nullopt;
  }

  Answer SomethingToErase() const {
    if (question_.something_to_erase) return std::nullopt;
    return Refuse("nothing_to_erase",
                  "the log of this service holds nothing of the case that this tier takes: check the "
                  "case's id and at which service it was recorded; where its sections have gone, the "
                  "headers go with the tier of entries");
  }

  Answer RuleDue() const {
    if (!question_.kept_until) {
      return Refuse("rule_not_due",
                    "retention is counted from the closing of the case, and none is held here; see "
                    "`polku retention due`, or give the law as --basis without --rule");
    }
    if (*question_.kept_until < question_.rule_day) return std::nullopt;
    return Refuse("rule_not_due",
                  "the retention rules keep the case still; `polku retention due` tells which cases are due "
                  "and by which rule, or give the law as --basis without --rule");
  }

  bool IsRetentionRule(const event::v1::RuleRef& rule) const {
    const auto& known = rules_.profile.retention();
    return std::any_of(known.begin(), known.end(), [&](const auto& one) {
      return one.id() == rule.id() && one.version() == rule.version();
    });
  }

  static Answer Basis(const std::string& basis) {
    if (basis.find_first_not_of(" \t\r\n") != std::string::npos) return std::nullopt;
    return Refuse("missing_legal_basis", "name the law or rule that this rests on");
  }

  static Answer NoPersonalData(std::initializer_list<const std::string*> texts) {
    for (const std::string* text : texts) {
      if (!service::ContainsPersonalIdentityCode(*text)) continue;
      return Refuse("personal_data", "take the personal identity code out; this text is for the record");
    }
    return std::nullopt;
  }

  const CaseAccess& access_;
  const Question& question_;
  const Policy& policy_;
  const service::Rules& rules_;
  const absl::CivilDay today_;
  const std::string_view author_;
  const std::string& type_;
};

}  // namespace

bool TakesThePlaceOf(std::string_view type, std::string_view corrected) {
  return type == corrected || std::find(std::begin(kCorrecting), std::end(kCorrecting),
                                        std::pair(type, corrected)) != std::end(kCorrecting);
}

std::optional<Refused> DecideAccess(const CaseAccess& access, const Question& question,
                                    const Policy& policy, const service::Rules& rules,
                                    absl::CivilDay today) {
  return Decider(access, question, policy, rules, today).Decide();
}

std::vector<v1::PartyAdded> PartiesToAdd(const CaseAccess& access,
                                         const google::protobuf::Message& event,
                                         const EventId& event_id, std::string_view author,
                                         std::string_view own_agency, const Policy& policy,
                                         absl::CivilDay today) {
  std::vector<v1::PartyAdded> added;
  if (author != own_agency && !access.parties().contains(author)) return added;
  for (std::string& agency : policy.Named(event)) {
    if (access.parties().contains(agency)) continue;
    v1::PartyAdded& party = added.emplace_back();
    party.set_agency(std::move(agency));
    party.set_added_on(FormatDay(today));
    party.set_reason(v1::PARTY_REASON_NAMED_IN_EVENT);
    party.set_cause_event_id(std::string(event_id.view()));
  }
  return added;
}

std::vector<v1::PartyRemoved> PartiesToRemove(const CaseAccess& access,
                                              const std::vector<std::string>& agencies,
                                              std::string_view own_origin, absl::CivilDay today) {
  std::vector<v1::PartyRemoved> removed;
  for (const std::string& agency : agencies) {
    if (!access.OnlyNamedBy(own_origin, agency)) continue;
    v1::PartyRemoved& party = removed.emplace_back();
    party.set_agency(agency);
    party.set_removed_on(FormatDay(today));
    party.set_reason(v1::PARTY_END_REFERRAL_ENDED);
  }
  return removed;
}

}  // namespace polku::access
