#include "services/generate/generate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "eventstore/base/file.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/replica/lookups.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/assessment/assessment.h"
#include "services/attendance/attendance.h"
#include "services/audit/audit.h"
#include "services/compensation/compensation.h"
#include "services/core/calendar.h"
#include "services/core/codec.h"
#include "services/core/message_cast.h"
#include "services/generate/region.h"
#include "services/generate/story.h"
#include "services/host/config.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/node.h"
#include "services/referral/referral.h"

namespace polku::generate {
namespace {

namespace compensation = compensation::v1;

constexpr size_t kMaxFileBytes = 4 << 20;
constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kCacheBytes = 16 << 20;
constexpr size_t kWriteBufferBytes = 32 << 20;
// A day's duties call for others at other services; more rounds than this means that they never end.
constexpr int kMaxRounds = 16;
// Of each month; the days before are corrected until then.
constexpr int kPaymentWorkDay = 5;

std::unique_ptr<service::Service> MakeService(std::string_view name) {
  if (name == "referral") return referral::MakeReferralService();
  if (name == "attendance") return MakeAttendanceService();
  if (name == "compensation") return MakeCompensationService();
  if (name == "assessment") return assessment::MakeAssessmentService();
  return MakeAuditService();
}

// The keys of an instance are asked for by its own thread and by those that pull from it.
class LockedKeyStore final : public vault::KeyStore {
 public:
  explicit LockedKeyStore(std::unique_ptr<vault::KeyStore> store) : store_(std::move(store)) {}
  absl::StatusOr<std::vector<vault::CaseKey>> Ensure(std::span<const vault::KeyName> names,
                                                    bool from_reserve) override {
    const std::lock_guard lock(mutex_);
    return store_->Ensure(names, from_reserve);
  }
  absl::StatusOr<vault::CaseKey> Get(const vault::KeyName& name) override {
    const std::lock_guard lock(mutex_);
    return store_->Get(name);
  }
  absl::Status Erase(std::span<const vault::KeyName> names) override {
    const std::lock_guard lock(mutex_);
    return store_->Erase(names);
  }
  absl::Status ForEachName(const std::function<absl::Status(const vault::KeyName&)>& visit) override {
    const std::lock_guard lock(mutex_);
    return store_->ForEachName(visit);
  }
  absl::StatusOr<std::optional<Hash>> CleanOf() override {
    const std::lock_guard lock(mutex_);
    return store_->CleanOf();
  }
  absl::Status SetCleanOf(const Hash& state) override {
    const std::lock_guard lock(mutex_);
    return store_->SetCleanOf(state);
  }
  absl::Status Purge() override {
    const std::lock_guard lock(mutex_);
    return store_->Purge();
  }
  absl::Status Rewrap(const vault::MasterKey& next,
                      const std::function<void(size_t, size_t)>& progress) override {
    const std::lock_guard lock(mutex_);
    return store_->Rewrap(next, progress);
  }

 private:
  std::mutex mutex_;
  const std::unique_ptr<vault::KeyStore> store_;
};

// A running service without its process: what services/host wires to sockets is wired to the others here.
class Agent {
 public:
  Agent(const Instance& instance, host::Config config, host::ServiceKeys keys)
      : instance_(instance),
        config_(std::move(config)),
        keys_(std::move(keys)),
        service_(MakeService(instance.service)) {}

  absl::Status Open(absl::Time now) {
    now_ = now;
    POLKU_ASSIGN_OR_RETURN(engine_, rocks::OpenEngine({.directory = config_.data_directory,
                                                       .cache_bytes = kCacheBytes,
                                                       .write_buffer_bytes = kWriteBufferBytes,
                                                       .sync = false}));
    POLKU_ASSIGN_OR_RETURN(
        auto keystore,
        host::OpenKeyStore(
            [this] {
              return rocks::OpenKeyStorage(config_.keystore_directory, rocks::OpenMode::kReadWrite,
                                           /*sync=*/false);
            },
            config_.keys_directory, keys_, /*read_only=*/false));
    keystore_ = std::make_unique<LockedKeyStore>(std::move(keystore));
    POLKU_ASSIGN_OR_RETURN(node_, host::Node::Open({.config = config_,
                                                    .keys = keys_,
                                                    .service = *service_,
                                                    .engine = *engine_,
                                                    .keystore = *keystore_,
                                                    .clock = [this] { return now_; },
                                                    .random = SystemRandom()}));
    return absl::OkStatus();
  }

  // Each act an offer of its own, all of them in one call. Internal: a refusal.
  absl::Status Offer(std::span<const Act> acts) {
    std::vector<exchange::v1::Offer> offers(acts.size());
    std::vector<host::PrincipalConfig> authors(acts.size());
    std::vector<host::OfferFrom> from;
    for (size_t i = 0; i < acts.size(); ++i) {
      auto* event = offers[i].add_events();
      event->set_event_id(std::string(acts[i].id.view()));
      event->set_case_id(std::string(acts[i].case_id.view()));
      event->set_type(acts[i].type);
      event->set_body(acts[i].body);
      event->set_official(acts[i].official);
      authors[i].agency = std::string(acts[i].agency);
      authors[i].may_publish = true;
      from.push_back({offers[i], authors[i]});
    }
    const auto answers = node_->HandleOffers(from);
    for (size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].has_refusal()) continue;
      return Error(absl::StatusCode::kInternal, instance_.name, " refused a ", acts[i].type, " of ",
                   service::FormatDate(acts[i].day), " in case ", FormatCaseId(acts[i].case_id), ": ",
                   answers[i].refusal().code(), " (", answers[i].refusal().message(),
                   "); the profile asks for something that services/generate does not play");
    }
    return absl::OkStatus();
  }

  // Time does not go back: a turn that comes earlier in the day than the last one comes right after it.
  void SetTime(absl::Time now) { now_ = std::max(now_, now); }

  // Until nothing is left to do now.
  absl::Status Work() {
    for (int i = 0; i < 1'000; ++i) {
      node_->Work();
      if (node_->health() != "ok") return Error(absl::StatusCode::kInternal, instance_.name, ": ", node_->health());
      if (node_->NextWork() > now_) return absl::OkStatus();
    }
    return Error(absl::StatusCode::kInternal, instance_.name, ": its work is never done");
  }

  // Pulls what it may have of the others' logs up to `ends`, verified, and what was opened to it later.
  absl::Status Pull(const std::vector<std::unique_ptr<Agent>>& agents, const std::vector<Position>& ends) {
    for (size_t peer = 0; peer < instance_.follows.size(); ++peer) {
      const size_t other = instance_.follows[peer];
      POLKU_RETURN_IF_ERROR(PullFrom(*agents[other], peer, ends[other]));
    }
    return absl::OkStatus();
  }

  // As the service writes it beside its keys.
  absl::Status WriteHighWater() {
    return host::HighWater(config_.keys_directory)
        .Write(node_->checkpoint(), node_->size(), now_, /*now_too=*/true);
  }

  absl::StatusOr<Made::Log> Count() {
    Made::Log made{instance_.name, config_.origin.text()};
    POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(*engine_));
    for (const auto& held : logs) {
      (held.number == kOwnLog ? made.entries : made.held_of_others) += held.head.frontier.size().value();
    }
    return made;
  }

  host::Node& node() { return *node_; }
  log::Engine& engine() { return *engine_; }
  const host::Config& config() const { return config_; }

 private:
  absl::StatusOr<replica::Subscriber*> Subscriber(Agent& from, size_t peer) {
    if (subscribers_.size() <= peer) subscribers_.resize(instance_.follows.size());
    auto& subscriber = subscribers_[peer];
    if (subscriber != nullptr) return subscriber.get();
    const std::string origin = from.config_.origin.text();
    subscriber = replica::Subscriber::Make(
        {.origin = origin,
         .own_agency = std::string(config_.origin.agency()),
         .origin_keys = from.keys_.signer->verifier(),
         .prepare_keys =
             [this, origin](const std::vector<std::pair<CaseId, SectionKind>>& wanted) {
               std::vector<vault::KeyName> names;
               for (const auto& [case_id, kind] : wanted) names.push_back({case_id, kind, origin});
               return keystore_->Ensure(names, /*from_reserve=*/false).status();
             },
         .lookups = replica::LookupsIn(
             *engine_, [this, peer] { return node_->replica(peer).number(); },
             std::string(config_.origin.agency()))},
        node_->replica(peer).head(),
        [this, origin](const CaseId& case_id, SectionKind kind, const Hash& commitment,
                       const vault::SectionSecret& secret) -> absl::StatusOr<std::string> {
          POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key, keystore_->Get({case_id, kind, origin}));
          return vault::WrapSecret(key, commitment, secret);
        },
        SystemRandom());
    POLKU_RETURN_IF_ERROR(Apply(from, peer, subscriber->Start(now_, now_)));
    return subscriber.get();
  }

  absl::Status PullFrom(Agent& from, size_t peer, Position end) {
    POLKU_ASSIGN_OR_RETURN(replica::Subscriber* const subscriber, Subscriber(from, peer));
    const replica::SectionSecretFn secret = SecretsOf(from);
    Position next = node_->replica(peer).size();
    while (next < end) {
      POLKU_ASSIGN_OR_RETURN(auto cut,
                             replica::CutBatch(*from.engine_, from.config_.origin.text(),
                                               config_.origin.agency(), next, end, kBatchBytes, secret));
      cut.batch.set_session(sessions_[peer]);
      next = Position(cut.batch.first_position() + cut.batch.count());
      POLKU_RETURN_IF_ERROR(
          Apply(from, peer, subscriber->OnBatch(cut.batch, cut.entries, cut.blobs, now_)));
    }
    if (node_->replica(peer).size() != end) {
      return Error(absl::StatusCode::kInternal, instance_.name, " did not get all of ", from.instance_.name);
    }
    return absl::OkStatus();
  }

  static replica::SectionSecretFn SecretsOf(Agent& from) {
    return [&from](const event::v1::Header& header, SectionKind kind) {
      return from.node_->opener().OwnSecret(header, kind);
    };
  }

  absl::Status Apply(Agent& from, size_t peer, std::vector<replica::SubscriberOutput> outputs) {
    replica::Subscriber& subscriber = *subscribers_[peer];
    const auto add = [&](std::vector<replica::SubscriberOutput> more) {
      std::move(more.begin(), more.end(), std::back_inserter(outputs));
    };
    for (size_t i = 0; i < outputs.size(); ++i) {
      const replica::SubscriberOutput output = std::move(outputs[i]);
      if (const auto* pull = std::get_if<replica::SendPull>(&output)) {
        sessions_[peer] = pull->pull.session();
      } else if (const auto* alarm = std::get_if<replica::RaiseAlarm>(&output)) {
        return Error(absl::StatusCode::kInternal, instance_.name, " of ", from.instance_.name, ": ", alarm->what);
      } else if (const auto* batch = std::get_if<replica::StoreBatch>(&output)) {
        const absl::Status stored = node_->StoreReplica(peer, batch->batch);
        POLKU_RETURN_IF_ERROR(stored);
        add(subscriber.OnStored(stored, now_, now_));
      } else if (const auto* fills = std::get_if<replica::StoreFills>(&output)) {
        const absl::Status stored = node_->StoreFills(peer, fills->fills, fills->gone);
        POLKU_RETURN_IF_ERROR(stored);
        add(subscriber.OnFillsStored(stored, now_));
      } else if (const auto* fetch = std::get_if<replica::SendFetch>(&output)) {
        std::vector<Position> positions;
        for (uint64_t position : fetch->fetch.positions()) positions.emplace_back(position);
        POLKU_ASSIGN_OR_RETURN(
            auto cut, replica::CutFills(*from.engine_, from.config_.origin.text(), config_.origin.agency(),
                                        positions, replica::kMaxFetchBytes, SecretsOf(from)));
        for (const auto& fill : cut.fills) add(subscriber.OnFill(fill.fill, fill.entries, fill.blobs, now_));
      }
    }
    return absl::OkStatus();
  }

  const Instance& instance_;
  const host::Config config_;
  const host::ServiceKeys keys_;
  const std::unique_ptr<service::Service> service_;
  absl::Time now_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<LockedKeyStore> keystore_;
  std::unique_ptr<host::Node> node_;
  std::vector<std::unique_ptr<replica::Subscriber>> subscribers_;  // by place in follows
  std::map<size_t, uint64_t> sessions_;
};

// What a payer owes: the events of its log that no payment has settled, by client.
class Ledger {
 public:
  Ledger(size_t instance, std::string_view agency) : instance_(instance), agency_(agency) {}

  // Takes in what the service has said since the last call.
  absl::Status Read(Agent& agent) {
    POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(agent.engine(), kOwnLog, next_, /*with_blobs=*/true));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) return absl::OkStatus();
      next_ = entry->position.next();
      const auto* type = service::FindEventType(entry->header->type());
      if (type != compensation::AllowanceAccrued::descriptor() &&
          type != compensation::AllowanceReversed::descriptor() &&
          type != compensation::TravelGranted::descriptor() &&
          type != compensation::TravelReversed::descriptor()) {
        continue;
      }
      POLKU_ASSIGN_OR_RETURN(const auto opened,
                             agent.node().opener().Open(*entry, agent.config().origin.text()));
      POLKU_ASSIGN_OR_RETURN(const auto body, service::ParseRecordedEvent(*type, opened.bytes));
      const auto id = EventId::FromBytes(entry->header->event_id());
      const auto case_id = CaseId::FromBytes(entry->header->case_id());
      if (!id || !case_id) return absl::InternalError("an own entry without ids");
      Line line{*id, "", 0};
      if (const auto* accrued = service::As<compensation::AllowanceAccrued>(*body)) {
        line.date = accrued->date();
        line.cents = accrued->amount_cents();
      } else if (const auto* reversed = service::As<compensation::AllowanceReversed>(*body)) {
        line.date = reversed->date();
        line.cents = -reversed->amount_cents();
      } else if (const auto* granted = service::As<compensation::TravelGranted>(*body)) {
        line.date = granted->covers_from();
        line.cents = granted->amount_cents();
      } else if (const auto* taken = service::As<compensation::TravelReversed>(*body)) {
        line.date = taken->covers_from();
        line.cents = -taken->amount_cents();
      }
      if (line.cents != 0) open_[*case_id].push_back(std::move(line));
    }
  }

  // Proposed, approved by somebody else and paid: all that is open of days up to `until`. `ibans` by case.
  std::vector<Act> Pay(absl::CivilDay today, absl::CivilDay until, const std::map<CaseId, std::string>& ibans,
                       uint64_t seed) {
    std::vector<Act> acts;
    const std::string last = service::FormatDate(until);
    const std::string payment_id = Str("k-", last.substr(0, 7));
    for (auto& [case_id, lines] : open_) {
      const auto later = std::stable_partition(lines.begin(), lines.end(),
                                               [&](const Line& line) { return line.date <= last; });
      int64_t total = 0;
      std::string first = last;
      compensation::PaymentProposed proposed;
      for (auto line = lines.begin(); line != later; ++line) {
        total += line->cents;
        first = std::min(first, line->date);
        auto* listed = proposed.add_lines();
        listed->set_event_id(std::string(line->id.view()));
        listed->set_date(line->date);
        listed->set_amount_cents(line->cents);
      }
      if (total <= 0) continue;  // nothing to pay yet; a reversal waits for the next days
      lines.erase(lines.begin(), later);
      proposed.set_payment_id(payment_id);
      proposed.set_covers_from(first);
      proposed.set_covers_until(last);
      proposed.set_total_cents(total);
      proposed.set_iban(ibans.at(case_id));
      compensation::PaymentApproved approved;
      approved.set_payment_id(payment_id);
      approved.set_approved_on(service::FormatDate(today));
      approved.set_total_cents(total);
      compensation::PaymentPaid paid;
      paid.set_payment_id(payment_id);
      paid.set_paid_on(service::FormatDate(today));
      paid.set_total_cents(total);
      for (const auto& [message, official] :
           {std::pair<const google::protobuf::Message*, std::string_view>{&proposed, "maksatus-1"},
            {&approved, "maksatus-2"},
            {&paid, "maksatus-1"}}) {
        Act& act = acts.emplace_back();
        act.day = today;
        act.instance = instance_;
        act.agency = agency_;
        act.official = std::string(official);
        act.case_id = case_id;
        act.type = message->GetDescriptor()->full_name();
        act.id = DerivedEventId(Str("polku/generate/payment/v1 ", seed, " ", agency_, " ", FormatCaseId(case_id), " ",
                                    payment_id, " ", act.type));
        act.body = message->SerializeAsString();
      }
    }
    return acts;
  }

 private:
  struct Line {
    EventId id;
    std::string date;
    int64_t cents = 0;
  };
  const size_t instance_;
  const std::string_view agency_;
  Position next_;
  std::map<CaseId, std::vector<Line>> open_;
};

class Player {
 public:
  explicit Player(const Options& options) : options_(options) {}

  absl::StatusOr<Made> Play() {
    POLKU_RETURN_IF_ERROR(PersonsAreKnown());
    POLKU_RETURN_IF_ERROR(Open());
    MakeStories();
    auto act = acts_.cbegin();
    for (absl::CivilDay day = options_.from; day <= options_.until; ++day) {
      const auto end = std::find_if(act, acts_.cend(), [&](const Act& later) { return later.day > day; });
      POLKU_RETURN_IF_ERROR(PlayDay(day, {act, end}));
      act = end;
      if (options_.progress) options_.progress(day, made_.offered);
    }
    return Finish();
  }

 private:
  // Before anything is made. A region that only counts its visitors has no clients to make up.
  absl::Status PersonsAreKnown() const {
    POLKU_ASSIGN_OR_RETURN(const auto profile, host::LoadProfile(options_.profiles));
    if (!profile.plans().empty() || !profile.agreements().empty() || !profile.benefits().empty() ||
        !profile.case_managers().empty()) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        Str("profile ", profile.name(), " has no plans, agreements, benefits or named workers: no client's path follows "
            "from it, and nobody is made up; give a region's profile whose service is for named clients"));
  }

  absl::Status Open() {
    RegionFiles files{.directory = options_.directory, .first_port = options_.first_port};
    for (const std::string& path : options_.profiles) {
      POLKU_ASSIGN_OR_RETURN(files.profiles.emplace_back(), ReadFile(path, kMaxFileBytes));
    }
    for (const std::string& path : options_.work_division) {
      POLKU_ASSIGN_OR_RETURN(files.work_division.emplace_back(), ReadFile(path, kMaxFileBytes));
    }
    POLKU_RETURN_IF_ERROR(WriteRegion(files));
    for (const Instance& instance : Instances()) {
      POLKU_ASSIGN_OR_RETURN(auto config,
                             host::LoadConfig(ConfigPath(options_.directory, instance), instance.service));
      // No case is folded twice.
      config.cached_cases = std::max(config.cached_cases, options_.clients + 1);
      POLKU_ASSIGN_OR_RETURN(auto keys, host::LoadServiceKeys(config.keys_directory, instance.origin()));
      agents_.push_back(std::make_unique<Agent>(instance, std::move(config), std::move(keys)));
      POLKU_RETURN_IF_ERROR(agents_.back()->Open(TimeOf(options_.from, 8)));
    }
    return absl::OkStatus();
  }

  void MakeStories() {
    const Frame frame{options_.seed, options_.clients, options_.from, options_.until};
    for (size_t client = 0; client < options_.clients; ++client) {
      std::vector<Act> story = MakeStory(frame, agents_[0]->config().profile, client);
      if (!story.empty()) ibans_[story.front().case_id] = MakeIban(client);
      std::move(story.begin(), story.end(), std::back_inserter(acts_));
    }
    std::stable_sort(acts_.begin(), acts_.end(), [](const Act& a, const Act& b) { return a.day < b.day; });
  }

  // The hour in Finland by winter time: the civil day is the same all year round.
  static absl::Time TimeOf(absl::CivilDay day, int hour) {
    return absl::FromCivil(absl::CivilSecond(day) + (hour - 2) * 3'600, absl::UTCTimeZone());
  }

  // Each service has its turn once a day: it is told what those before it said today and those after it yesterday,
  // takes what its people record and does what follows. So nothing comes late in the merged order, as in services that
  // are always connected. The reader's turn is beside the next day's others: nobody follows it.
  absl::Status PlayDay(absl::CivilDay day, std::span<const Act> acts) {
    made_.offered += acts.size();
    std::vector<std::vector<Act>> by_agent(agents_.size());
    for (const Act& act : acts) by_agent[act.instance].push_back(act);
    POLKU_RETURN_IF_ERROR(Payments(day, by_agent));
    for (size_t i = 0; i < kReader; ++i) POLKU_RETURN_IF_ERROR(Turn(i, day, Sizes(), by_agent[i]));
    POLKU_RETURN_IF_ERROR(JoinReader());
    reader_ = std::async(std::launch::async,
                         [this, day, sizes = Sizes()] { return Turn(kReader, day, sizes, {}); });
    return absl::OkStatus();
  }

  absl::Status Turn(size_t i, absl::CivilDay day, const std::vector<Position>& sizes, std::span<const Act> acts) {
    Agent& agent = *agents_[i];
    agent.SetTime(TimeOf(day, 9 + static_cast<int>(i)));
    POLKU_RETURN_IF_ERROR(agent.Pull(agents_, sizes));
    if (!acts.empty()) POLKU_RETURN_IF_ERROR(agent.Offer(acts));
    return agent.Work();
  }

  std::vector<Position> Sizes() const {
    std::vector<Position> sizes;
    for (const auto& agent : agents_) sizes.push_back(agent->node().size());
    return sizes;
  }

  absl::Status JoinReader() { return reader_.valid() ? reader_.get() : absl::OkStatus(); }

  // What the payers decide on that day, behind what others record at their services.
  absl::Status Payments(absl::CivilDay day, std::vector<std::vector<Act>>& by_agent) {
    int work_days = 0;
    for (absl::CivilDay d(day.year(), day.month(), 1); d <= day; ++d) {
      const bool off = absl::GetWeekday(d) == absl::Weekday::saturday ||
                       absl::GetWeekday(d) == absl::Weekday::sunday || service::PublicHoliday(d);
      if (!off) {
        ++work_days;
      } else if (d == day) {
        return absl::OkStatus();
      }
    }
    if (work_days != kPaymentWorkDay) return absl::OkStatus();
    const absl::CivilDay until = absl::CivilDay(day.year(), day.month(), 1) - 1;
    for (auto& [ledger, instance] :
         {std::pair(&kela_, kKelaCompensation), std::pair(&social_, kSocialCompensation)}) {
      POLKU_RETURN_IF_ERROR(ledger->Read(*agents_[instance]));
      std::vector<Act> acts = ledger->Pay(day, until, ibans_, options_.seed);
      made_.offered += acts.size();
      // Before anything new: what they settle is what was on record this morning.
      std::move(by_agent[instance].begin(), by_agent[instance].end(), std::back_inserter(acts));
      by_agent[instance] = std::move(acts);
    }
    return absl::OkStatus();
  }

  uint64_t OwnEntries() const {
    uint64_t entries = 0;
    for (const auto& agent : agents_) entries += agent->node().size().value();
    return entries;
  }

  absl::StatusOr<Made> Finish() {
    POLKU_RETURN_IF_ERROR(JoinReader());
    // What the last day calls for at others, until nobody has more to say.
    for (int round = 1;; ++round) {
      const uint64_t before = OwnEntries();
      for (size_t i = 0; i < agents_.size(); ++i) {
        POLKU_RETURN_IF_ERROR(Turn(i, options_.until, Sizes(), {}));
      }
      if (OwnEntries() == before) break;
      if (round == kMaxRounds) return absl::InternalError("the services never stop telling each other more");
    }
    for (const auto& agent : agents_) {
      POLKU_RETURN_IF_ERROR(agent->WriteHighWater());
      POLKU_ASSIGN_OR_RETURN(made_.logs.emplace_back(), agent->Count());
      made_.entries += made_.logs.back().entries;
    }
    agents_.clear();
    POLKU_RETURN_IF_ERROR(SyncFileSystem());
    return std::move(made_);
  }

  absl::Status SyncFileSystem() const {
    const int directory = open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && syncfs(directory) == 0;
    if (directory >= 0) close(directory);
    if (synced) return absl::OkStatus();
    return Error(absl::StatusCode::kUnavailable, options_.directory,
                 " could not be written to the disk; check the disk and make it anew");
  }

  const Options& options_;
  std::vector<std::unique_ptr<Agent>> agents_;  // as Instances()
  std::vector<Act> acts_;                       // by day
  std::map<CaseId, std::string> ibans_;
  Ledger kela_{kKelaCompensation, kKela};
  Ledger social_{kSocialCompensation, kWellbeing};
  Made made_;
  std::future<absl::Status> reader_;  // last: ends before what it uses goes
};

}  // namespace

absl::StatusOr<Made> Generate(const Options& options) { return Player(options).Play(); }

}  // namespace polku::generate
