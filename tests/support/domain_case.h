// One case at one service, without store or clock: facts are kept in merged order and refolded when a
// late one arrives, as services/host does.
#ifndef POLKU_TESTS_SUPPORT_DOMAIN_CASE_H_
#define POLKU_TESTS_SUPPORT_DOMAIN_CASE_H_

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/core/calendar.h"
#include "services/core/service.h"
#include "tests/support/region_profile.h"

namespace polku::testing {

inline constexpr std::string_view kOulu = "FI/MUN/0187690-1/oulu";
inline constexpr std::string_view kPohde = "FI/MUN/3221331-8/pohde";
inline constexpr std::string_view kVerstas = "FI/COM/1234567-1/verstas";
inline constexpr std::string_view kOtherProvider = "FI/COM/2345678-0/paja";
inline constexpr std::string_view kKela = "FI/GOV/0246246-0/kela";
inline constexpr std::string_view kHospital = "FI/COM/0123456-2/sairaala";
inline constexpr std::string_view kAuditor = "FI/GOV/7654321-2/valvoja";
inline constexpr std::string_view kStranger = "FI/COM/4567890-7/muu";

template <typename T>
T Text(const std::string& text) {
  T message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) {
    ADD_FAILURE() << "bad text format for " << T::descriptor()->full_name() << ": " << text;
  }
  return message;
}

inline absl::CivilDay OnDay(std::string_view date) {
  const auto day = service::ParseDate(date);
  if (!day) ADD_FAILURE() << "bad date " << date;
  return day.value_or(absl::CivilDay());
}

// After seed 001: employment services and authority, wellbeing services, two associations, Kela.
inline config::v1::Agreement OuluAgreement() {
  config::v1::Agreement agreement;
  const auto add = [&](std::string_view name, std::initializer_list<config::v1::AgencyRole> roles) {
    auto* agency = agreement.add_agencies();
    agency->set_name(std::string(name));
    for (auto role : roles) agency->add_roles(role);
  };
  add(kOulu, {config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES,
              config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY});
  add(kPohde, {config::v1::AGENCY_ROLE_SOCIAL_SERVICES});
  add(kVerstas, {config::v1::AGENCY_ROLE_PROVIDER});
  add(kOtherProvider, {config::v1::AGENCY_ROLE_PROVIDER});
  add(kKela, {config::v1::AGENCY_ROLE_BENEFIT_PAYER});
  add(kHospital, {config::v1::AGENCY_ROLE_HEALTH_CARE});
  add(kAuditor, {config::v1::AGENCY_ROLE_AUDITOR});
  return agreement;
}

inline config::v1::Profile OuluProfile() {
  return RegionProfile({"suomi", "kuntouttava", "oulu"});
}

inline EventId NumberedEvent(uint64_t number) {
  EventId id;
  for (size_t i = 0; i < 8; ++i) {
    id.data()[EventId::kBytes - 1 - i] = static_cast<uint8_t>(number >> (8 * i));
  }
  return id;
}

// A fact that owns what service::Fact borrows.
struct OwnedFact {
  EventId id;
  uint64_t order = 0;
  std::string origin;
  uint64_t position = 0;
  std::string author;
  std::shared_ptr<const google::protobuf::Message> body;

  service::Fact View(const CaseId& case_id) const {
    return {.id = id,
            .case_id = case_id,
            .origin = origin,
            .position = Position(position),
            .order = Order(order),
            // Long after all of it, as when a history is loaded.
            .recorded_at = absl::FromUnixSeconds(4'102'444'800),
            .author_agency = author,
            .author_official = "",
            .body = *body};
  }
  friend bool operator<(const OwnedFact& a, const OwnedFact& b) {
    return std::tie(a.order, a.origin, a.position) < std::tie(b.order, b.origin, b.position);
  }
};

inline std::shared_ptr<google::protobuf::Message> Copy(const google::protobuf::Message& message) {
  std::shared_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

class DomainCase {
 public:
  DomainCase(const service::Service& service, config::v1::Profile profile,
             config::v1::Agreement agreement, std::string_view own_agency)
      : service_(service),
        profile_(std::move(profile)),
        agreement_(std::move(agreement)),
        own_agency_(own_agency),
        state_(service.NewState(case_id_)) {}

  service::Rules rules() const { return {profile_, agreement_, own_agency_}; }
  const service::CaseState& state() const { return *state_; }
  const std::vector<OwnedFact>& facts() const { return facts_; }
  config::v1::Profile& profile() { return profile_; }

  std::optional<service::Refusal> Decide(std::string_view author,
                                         const google::protobuf::Message& body,
                                         absl::CivilDay today) const {
    return service_.Decide(*state_,
                           {.id = NumberedEvent(999999),
                            .case_id = case_id_,
                            .author_agency = author,
                            .author_official = "",
                            .body = body},
                           rules(), today);
  }
  // "" when it would be taken.
  std::string CodeOf(std::string_view author, const google::protobuf::Message& body,
                     std::string_view today) const {
    const auto refusal = Decide(author, body, OnDay(today));
    return refusal ? refusal->code : "";
  }

  // Takes the fact in, wherever it belongs in merged order.
  void Learn(OwnedFact fact) {
    const bool last = facts_.empty() || facts_.back() < fact;
    facts_.insert(std::upper_bound(facts_.begin(), facts_.end(), fact), fact);
    if (last) {
      service_.Evolve(*state_, facts_.back().View(case_id_));
      return;
    }
    state_ = service_.NewState(case_id_);
    for (const OwnedFact& known : facts_) service_.Evolve(*state_, known.View(case_id_));
  }

  // A fact of the author's own log, after all that is known.
  EventId Record(std::string_view author, const google::protobuf::Message& body) {
    return RecordAs(NumberedEvent(next_ + 1), author, std::string(author) + "/service/1", body);
  }
  EventId RecordAs(EventId id, std::string_view author, std::string origin,
                   const google::protobuf::Message& body) {
    ++next_;
    Learn({.id = id,
           .order = next_ * 1000,
           .origin = std::move(origin),
           .position = next_,
           .author = std::string(author),
           .body = Copy(body)});
    return id;
  }

  std::vector<service::Duty> Due(absl::CivilDay today) const {
    return service_.Due(*state_, rules(), today);
  }
  std::optional<absl::CivilDay> NextDueDay(absl::CivilDay today) const {
    return service_.NextDueDay(*state_, rules(), today);
  }
  // Appends what is due, as the host does, and says what it was: "key#generation". A duty that was
  // appended before is a failure: it would have been lost as a repeat.
  std::vector<std::string> AppendDue(absl::CivilDay today) {
    std::vector<std::string> appended;
    for (const service::Duty& duty : Due(today)) {
      const std::string name = duty.key + "#" + std::to_string(duty.generation);
      EXPECT_TRUE(appended_.insert(name).second) << name << " is due twice";
      appended.push_back(name);
      Record(own_agency_, *duty.event);
    }
    return appended;
  }

 private:
  const service::Service& service_;
  const CaseId case_id_{};
  config::v1::Profile profile_;
  config::v1::Agreement agreement_;
  std::string own_agency_;
  std::unique_ptr<service::CaseState> state_;
  std::vector<OwnedFact> facts_;
  std::set<std::string> appended_;
  uint64_t next_ = 0;
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_DOMAIN_CASE_H_
