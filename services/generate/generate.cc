#include "services/generate/generate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
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
#include "services/assessment/assessment.h"
#include "services/attendance/attendance.h"
#include "services/audit/audit.h"
#include "services/compensation/compensation.h"
#include "services/core/calendar.h"
#include "services/core/codec.h"
#include "services/generate/payer.h"
#include "services/generate/region.h"
#include "services/generate/story.h"
#include "services/host/config.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/node.h"
#include "services/host/persons.h"
#include "services/referral/referral.h"

namespace polku::generate {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20;
constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kCacheBytes = 16 << 20;
constexpr size_t kWriteBufferBytes = 32 << 20;
// A day's duties call for others at other services; more rounds than this means that they never end.
constexpr size_t kMaxRounds = 16;
constexpr uint64_t kIndexedAtOnce = 1'000'000;

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

  // Pulls what it may have of `from`'s log up to `end`, verified, and what was opened to it later. `peer`: its place in
  // follows. `from` may have its turn in another thread meanwhile.
  absl::Status Pull(Agent& from, size_t peer, Position end) {
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

  // As its service keeps it while it runs, of all that it holds by now.
  absl::Status IndexPersons() {
    POLKU_ASSIGN_OR_RETURN(host::BlindKey key, host::EnsureBlindKey(config_.keys_directory, SystemRandom()));
    host::PersonIndex index({.engine = *engine_,
                             .opener = node_->opener(),
                             .key = std::move(key)});
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const bool all, index.CatchUp(kIndexedAtOnce));
      if (all) return absl::OkStatus();
    }
  }

  // The events of its own log that it says itself or was told, from `next` on, which moves to the end.
  absl::Status ReadOwn(Position& next, const std::function<void(const service::Fact&)>& take) {
    const std::string origin = config_.origin.text();
    POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(*engine_, kOwnLog, next, /*with_blobs=*/true));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) return absl::OkStatus();
      next = entry->position.next();
      const event::v1::Header& header = *entry->header;
      const auto* type = service::FindEventType(header.type());
      const auto id = EventId::FromBytes(header.event_id());
      const auto case_id = CaseId::FromBytes(header.case_id());
      if (type == nullptr || !id || !case_id) continue;  // a control entry
      POLKU_ASSIGN_OR_RETURN(const auto opened, node_->opener().Open(*entry, origin));
      POLKU_ASSIGN_OR_RETURN(const auto body, service::ParseRecordedEvent(*type, opened.bytes));
      take({.id = *id,
            .case_id = *case_id,
            .origin = origin,
            .position = entry->position,
            .order = Order(header.order()),
            .recorded_at = absl::FromUnixMicros(header.recorded_at_us()),
            .author_agency = header.author_agency(),
            .author_official = header.author_official(),
            .body = *body});
    }
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

class Player {
 public:
  explicit Player(const Options& options)
      : options_(options), days_(static_cast<size_t>(options.until - options.from) + 1) {}

  absl::StatusOr<Made> Play() {
    POLKU_RETURN_IF_ERROR(PersonsAreKnown());
    POLKU_RETURN_IF_ERROR(Open());
    MakeStories();
    POLKU_RETURN_IF_ERROR(PlayRounds(days_));
    return Finish();
  }

 private:
  // One instance. The thread that has its turn uses all of it, others read its log.
  struct Seat {
    std::unique_ptr<Agent> agent;
    std::vector<std::vector<Act>> acts;  // by day
    std::optional<Payer> payer;          // of a compensation service
    Position read;                       // how far the payer knows the log
    // Guarded by mutex_:
    bool busy = false;
    std::vector<Position> sizes;  // of its log: before its first turn, and after each
    size_t turns() const { return sizes.size() - 1; }
  };

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
    POLKU_ASSIGN_OR_RETURN(const auto profile, host::LoadProfile(options_.profiles));
    RegionFiles files{.directory = options_.directory, .region = profile.name(), .first_port = options_.first_port};
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
      config.cached_cases = std::max(config.cached_cases, 2 * options_.clients + std::size(kProviders) * kPlacesOfProvider);
      POLKU_ASSIGN_OR_RETURN(auto keys, host::LoadServiceKeys(config.keys_directory, instance.origin()));
      Seat& seat = seats_.emplace_back();
      seat.agent = std::make_unique<Agent>(instance, std::move(config), std::move(keys));
      POLKU_RETURN_IF_ERROR(seat.agent->Open(TimeOf(options_.from, 8)));
      seat.sizes.push_back(seat.agent->node().size());
      seat.acts.resize(days_);
    }
    seats_[kKelaCompensation].payer.emplace(kKelaCompensation, kKela, options_.seed);
    seats_[kSocialCompensation].payer.emplace(kSocialCompensation, kWellbeing, options_.seed);
    return absl::OkStatus();
  }

  void MakeStories() {
    const Frame frame{options_.seed, options_.clients, options_.from, options_.until};
    const config::v1::Profile& profile = seats_[kReferral].agent->config().profile;
    const auto take = [&](std::vector<Act> story) {
      for (Act& act : story) {
        auto& day = seats_[act.instance].acts[static_cast<size_t>(act.day - options_.from)];
        day.push_back(std::move(act));
      }
    };
    take(MakePlaces(frame, profile));
    for (size_t client = 0; client < options_.clients; ++client) {
      std::vector<Act> story = MakeStory(frame, profile, client);
      for (Seat& seat : seats_) {
        if (seat.payer && !story.empty()) seat.payer->AddClient(story.front().case_id, client);
      }
      take(std::move(story));
    }
  }

  // The hour in Finland by winter time: the civil day is the same all year round.
  static absl::Time TimeOf(absl::CivilDay day, int hour) {
    return absl::FromCivil(absl::CivilSecond(day) + (hour - 2) * 3'600, absl::UTCTimeZone());
  }

  // ---- Turns ----

  // Each service has its turn once a day: it is told what those before it said today and those after it yesterday,
  // takes what its people record and does what follows. So nothing comes late in the merged order, as in services that
  // are always connected. A round is a day; those beyond the last day are for what is left to be said.
  //
  // A turn can be taken when the turns that it hears of are over, each service by itself, in as many threads as there
  // are processors; what a service hears in a turn does not depend on which others are over already.
  absl::Status PlayRounds(size_t end) {
    const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, seats_.size());
    std::vector<std::future<void>> others;
    for (size_t i = 1; i < threads; ++i) {
      others.push_back(std::async(std::launch::async, [&] { TakeTurns(end); }));
    }
    TakeTurns(end);
    for (auto& other : others) other.wait();
    const std::lock_guard lock(mutex_);
    return failed_;
  }

  void TakeTurns(size_t end) {
    std::unique_lock lock(mutex_);
    for (;;) {
      Seat* const seat = NextSeat(end);
      if (seat == nullptr) {
        const bool over = !failed_.ok() || std::all_of(seats_.begin(), seats_.end(), [&](const Seat& one) {
          return one.turns() >= end;
        });
        if (over) return;
        changed_.wait(lock);
        continue;
      }
      seat->busy = true;
      const size_t place = static_cast<size_t>(seat - seats_.data());
      const size_t round = seat->turns();
      const std::vector<Position> hears = Hears(place, round);
      lock.unlock();
      std::vector<Act> acts;
      if (round < days_) acts = std::move(seat->acts[round]);
      const auto status = Turn(place, round, hears, acts);
      const Position size = seat->agent->node().size();
      lock.lock();
      seat->busy = false;
      if (status.ok()) {
        seat->sizes.push_back(size);
        made_.offered += acts.size();
        if (place == kReader && round < days_ && options_.progress) {
          options_.progress(DayOf(round), made_.offered);
        }
      } else {
        failed_.Update(status);
      }
      changed_.notify_all();
    }
  }

  // Of those that can have a turn, the one that is furthest behind: what it reads is in memory still. Null: none now.
  Seat* NextSeat(size_t end) {
    if (!failed_.ok()) return nullptr;
    Seat* next = nullptr;
    for (size_t i = 0; i < seats_.size(); ++i) {
      Seat& seat = seats_[i];
      if (seat.busy || seat.turns() >= end || (next != nullptr && next->turns() <= seat.turns())) continue;
      const auto& follows = Instances()[i].follows;
      const bool told = std::all_of(follows.begin(), follows.end(), [&](size_t other) {
        return seats_[other].turns() >= TurnsHeard(i, seat.turns(), other);
      });
      if (told) next = &seat;
    }
    return next;
  }

  // How many of the other's turns the service has heard of in its turn of that round.
  size_t TurnsHeard(size_t place, size_t round, size_t other) const {
    const size_t heard = other < place ? round + 1 : round;
    const size_t every = options_.payers_hear_every;
    if (!seats_[place].payer || every <= 1 || round >= days_) return heard;
    const size_t late = (heard + other) % every;
    return heard - std::min(heard, late);
  }

  // The ends of the logs that the service follows, as it hears of them in that round.
  std::vector<Position> Hears(size_t place, size_t round) const {
    std::vector<Position> ends;
    for (size_t other : Instances()[place].follows) {
      ends.push_back(seats_[other].sizes[TurnsHeard(place, round, other)]);
    }
    return ends;
  }

  absl::CivilDay DayOf(size_t round) const {
    return options_.from + static_cast<int>(std::min(round, days_ - 1));
  }

  absl::Status Turn(size_t place, size_t round, const std::vector<Position>& hears, std::vector<Act>& acts) {
    Seat& seat = seats_[place];
    const absl::CivilDay day = DayOf(round);
    seat.agent->SetTime(TimeOf(day, 9 + static_cast<int>(place)));
    // Before anything new: what they settle is what was on record this morning.
    if (seat.payer && round < days_ && Payer::Decides(day)) {
      POLKU_RETURN_IF_ERROR(seat.agent->ReadOwn(seat.read, [&](const service::Fact& fact) { seat.payer->Fold(fact); }));
      std::vector<Act> decided = seat.payer->ActsOn(day);
      std::move(acts.begin(), acts.end(), std::back_inserter(decided));
      acts = std::move(decided);
    }
    const auto& follows = Instances()[place].follows;
    for (size_t peer = 0; peer < follows.size(); ++peer) {
      POLKU_RETURN_IF_ERROR(seat.agent->Pull(*seats_[follows[peer]].agent, peer, hears[peer]));
    }
    if (!acts.empty()) POLKU_RETURN_IF_ERROR(seat.agent->Offer(acts));
    return seat.agent->Work();
  }

  // ---- The end ----

  uint64_t OwnEntries() const {
    uint64_t entries = 0;
    for (const Seat& seat : seats_) entries += seat.agent->node().size().value();
    return entries;
  }

  absl::StatusOr<Made> Finish() {
    // What the last day calls for at others, until nobody has more to say.
    for (size_t round = 1;; ++round) {
      const uint64_t before = OwnEntries();
      POLKU_RETURN_IF_ERROR(PlayRounds(days_ + round));
      if (OwnEntries() == before) break;
      if (round == kMaxRounds) return absl::InternalError("the services never stop telling each other more");
    }
    std::vector<std::future<absl::Status>> indexed;
    for (Seat& seat : seats_) {
      indexed.push_back(std::async(std::launch::async, [&agent = *seat.agent] { return agent.IndexPersons(); }));
    }
    for (auto& one : indexed) failed_.Update(one.get());
    POLKU_RETURN_IF_ERROR(failed_);
    for (Seat& seat : seats_) {
      POLKU_RETURN_IF_ERROR(seat.agent->WriteHighWater());
      POLKU_ASSIGN_OR_RETURN(made_.logs.emplace_back(), seat.agent->Count());
      made_.entries += made_.logs.back().entries;
    }
    return std::move(made_);
  }

  const Options& options_;
  const size_t days_;
  std::vector<Seat> seats_;  // as Instances()
  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status failed_;  // guarded by mutex_ while turns are taken
  Made made_;            // the same
};

absl::Status SyncFileSystem(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && syncfs(directory) == 0;
  if (directory >= 0) close(directory);
  if (synced) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, path, " could not be written to the disk; check the disk and make it anew");
}

}  // namespace

absl::StatusOr<Made> Generate(const Options& options) {
  namespace fs = std::filesystem;
  Options making = options;
  while (making.directory.size() > 1 && making.directory.ends_with('/')) making.directory.pop_back();
  const std::string whole = making.directory;
  making.directory += ".making";
  for (const auto& [path, remedy] : {std::pair(whole, "name a directory that is to be made"),
                                     std::pair(making.directory, "it was left by a run that was broken off; remove it")}) {
    if (fs::exists(path)) return Error(absl::StatusCode::kAlreadyExists, path, " is there already; ", remedy);
  }
  auto made = Player(making).Play();
  std::error_code error;
  if (made.ok()) {
    fs::rename(making.directory, whole, error);
    if (error) {
      made = Error(absl::StatusCode::kUnavailable, whole, " cannot be made: ", error.message(), "; name another directory");
    } else {
      POLKU_RETURN_IF_ERROR(SyncFileSystem(whole));
    }
  }
  if (!made.ok()) fs::remove_all(making.directory, error);
  return made;
}

}  // namespace polku::generate
