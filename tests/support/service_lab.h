// A host in miniature for tests of domain services: keeps a case's facts in merged order, refolds
// on every late one, appends duties until none is left, and checks on the way what every host
// relies on.
#ifndef POLKU_TESTS_SUPPORT_SERVICE_LAB_H_
#define POLKU_TESTS_SUPPORT_SERVICE_LAB_H_

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"
#include "services/core/service.h"
#include "tests/support/region_profile.h"

namespace polku::testing {

template <typename Message>
Message Text(const std::string& textproto) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(textproto, &message)) << textproto;
  return message;
}

inline absl::CivilDay D(std::string_view text) {
  const auto day = service::ParseDate(text);
  EXPECT_TRUE(day.has_value()) << text;
  return day.value_or(absl::CivilDay());
}

inline config::v1::Profile OuluProfile() {
  return RegionProfile({"suomi", "kuntouttava", "oulu"});
}

class ServiceLab {
 public:
  struct Entry {
    EventId id;
    std::string origin;
    Position position;
    Order order;
    std::string author;
    std::string official;
    std::shared_ptr<google::protobuf::Message> body;
    bool duty = false;
  };

  ServiceLab(std::unique_ptr<service::Service> made, config::v1::Profile profile,
             config::v1::Agreement agreement, std::string own_agency)
      : service_(std::move(made)),
        profile_(std::move(profile)),
        agreement_(std::move(agreement)),
        own_(std::move(own_agency)),
        rules_{profile_, agreement_, own_} {}
  ServiceLab(const ServiceLab&) = delete;

  // A peer's fact that comes last in merged order.
  EventId Tell(std::string_view author, const google::protobuf::Message& body) {
    return TellAt(next_order_, author, body);
  }

  // A peer's fact with its own place in merged order.
  EventId TellAt(uint64_t order, std::string_view author, const google::protobuf::Message& body,
                 std::optional<EventId> id = std::nullopt) {
    Entry entry;
    entry.id = id.value_or(FreshId());
    entry.origin = std::string(author) + "/peer/1";
    entry.position = Position(order);
    entry.order = Order(order);
    entry.author = author;
    entry.body.reset(body.New());
    entry.body->CopyFrom(body);
    const EventId told = entry.id;
    Insert(std::move(entry));
    return told;
  }

  // An offer; appended when accepted. The code of the refusal, or "".
  std::string Offer(std::string_view author, std::string_view official,
                    const google::protobuf::Message& body, absl::CivilDay today) {
    const EventId id = FreshId();
    const auto state = Fold();
    const auto refusal =
        service_->Decide(*state, {id, CaseId(), author, official, body}, rules_, today);
    if (refusal) {
      EXPECT_FALSE(refusal->message.empty());
      return refusal->code;
    }
    Entry entry;
    entry.id = id;
    entry.origin = own_ + "/" + std::string(service_->name()) + "/1";
    entry.position = Position(next_order_);
    entry.order = Order(next_order_);
    entry.author = author;
    entry.official = official;
    entry.body.reset(body.New());
    entry.body->CopyFrom(body);
    Insert(std::move(entry));
    return "";
  }

  // Appends duties until none is left; returns them. Fails the test when an event id is used twice
  // or when one round does not settle what the rules call for. A corrected day may call for one more:
  // what follows from it names it as its cause, and its id is not known before.
  std::vector<Entry> Run(absl::CivilDay today) {
    std::vector<Entry> made;
    bool settled = false;
    for (;;) {
      const auto state = Fold();
      const auto duties = service_->Due(*state, rules_, today);
      if (duties.empty()) break;
      if (settled) {
        ADD_FAILURE() << "a duty is due again after it was appended: " << duties[0].key << " "
                      << duties[0].event->ShortDebugString();
        break;
      }
      settled = true;
      for (const auto& duty : duties) {
        if (duty.event->GetDescriptor()->full_name() == "polku.attendance.v1.DayCorrected") {
          settled = false;
        }
        EXPECT_TRUE(used_.insert({duty.key, duty.generation}).second)
            << "used twice: " << duty.key << " generation " << duty.generation;
        Entry entry;
        entry.id = DerivedEventId(duty.key + "#" + std::to_string(duty.generation));
        entry.origin = own_ + "/" + std::string(service_->name()) + "/1";
        entry.position = Position(next_order_);
        entry.order = Order(next_order_);
        entry.author = own_;
        entry.body.reset(duty.event->New());
        entry.body->CopyFrom(*duty.event);
        entry.duty = true;
        made.push_back(entry);
        Insert(std::move(entry));
      }
    }
    return made;
  }

  // NextDueDay, checked: nothing becomes due on the days before it.
  std::optional<absl::CivilDay> Next(absl::CivilDay today) {
    const auto state = Fold();
    const auto next = service_->NextDueDay(*state, rules_, today);
    const absl::CivilDay until = next.value_or(today + 60);
    for (absl::CivilDay day = today; day < until; ++day) {
      EXPECT_TRUE(service_->Due(*state, rules_, day).empty())
          << "due on " << service::FormatDate(day) << ", but announced later";
    }
    return next;
  }

  std::unique_ptr<service::CaseState> Fold() const {
    auto state = service_->NewState(CaseId());
    for (const Entry& entry : entries_) {
      service_->Evolve(*state, {entry.id, CaseId(), entry.origin, entry.position, entry.order,
                                absl::UnixEpoch(), entry.author, entry.official, *entry.body});
    }
    return state;
  }

  // All entries of a type, in merged order.
  template <typename Event>
  std::vector<const Event*> All() const {
    std::vector<const Event*> found;
    for (const Entry& entry : entries_) {
      if (const auto* event = service::As<Event>(*entry.body)) found.push_back(event);
    }
    return found;
  }
  template <typename Event>
  std::optional<EventId> IdOfLast() const {
    std::optional<EventId> found;
    for (const Entry& entry : entries_) {
      if (service::As<Event>(*entry.body) != nullptr) found = entry.id;
    }
    return found;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  config::v1::Profile& profile() { return profile_; }
  config::v1::Agreement& agreement() { return agreement_; }
  service::Service& service() { return *service_; }
  const service::Rules& rules() const { return rules_; }

 private:
  EventId FreshId() { return DerivedEventId("fact " + std::to_string(++ids_)); }

  void Insert(Entry entry) {
    next_order_ = std::max(next_order_, entry.order.value() + 1);
    const auto after = [](const Entry& a, const Entry& b) {
      return std::tie(a.order, a.origin, a.position) < std::tie(b.order, b.origin, b.position);
    };
    entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), entry, after),
                    std::move(entry));
  }

  std::unique_ptr<service::Service> service_;
  config::v1::Profile profile_;
  config::v1::Agreement agreement_;
  const std::string own_;
  const service::Rules rules_;
  std::vector<Entry> entries_;
  std::set<std::pair<std::string, uint32_t>> used_;
  uint64_t next_order_ = 1'000'000;
  uint64_t ids_ = 0;
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_SERVICE_LAB_H_
