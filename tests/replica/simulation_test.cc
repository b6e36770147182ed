// Publisher, witness book and subscribers over a simulated network and simulated time: loss,
// duplication, reordering, delay, restarts of either side and slow disks, from a printed seed;
// origins that fork and origins that are rolled back. Independent judges: each replica is the
// origin's projection, nothing is acknowledged, cosigned or counted before it is stored, nobody is
// accused who did not sign two histories, and memory stays bounded.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/log/replica_log.h"
#include "eventstore/replica/witness_book.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::IsOkAndHolds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Faults {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // share of messages that take much longer
  double restarts = 0;    // chance a second that a side restarts
  absl::Duration store = absl::Milliseconds(5);
};

constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";

class World {
 public:
  // Every receiver cosigns, gossips to the next one, and every one at an index of `mirrors` is a
  // mirror.
  World(uint64_t seed, std::vector<std::string> receivers, uint64_t credit_bytes,
        std::set<size_t> mirrors = {})
      : random_(seed), credit_(credit_bytes) {
    sides_.push_back(std::make_unique<Side>());
    side().origin = std::make_unique<TestOrigin>(seed);
    origin().AddGenesis();
    origin().Commit();
    for (std::string& receiver : receivers) {
      auto replica = std::make_unique<Replica>();
      replica->index = replicas_.size();
      replica->cosigner = CosignerOf(receiver);
      replica->receiver = std::move(receiver);
      replica->mirror = mirrors.contains(replica->index);
      replicas_.push_back(std::move(replica));
    }
    StartPublisher(0);
    for (auto& replica : replicas_) StartSubscriber(*replica);
  }

  Faults faults;
  TestOrigin& origin(size_t of = 0) { return *sides_[of]->origin; }

  void Append(size_t entries, size_t to = 0) {
    std::vector<std::string> receivers;
    for (const auto& replica : replicas_) receivers.push_back(replica->receiver);
    for (size_t i = 0; i < entries; ++i) origin(to).AddRandomEvent(receivers);
    origin(to).Commit();
    Route(to, sides_[to]->publisher->OnCommitted(origin(to).size(), origin(to).checkpoint(), now_));
  }

  // Entries of one case are opened to somebody who did not get them.
  void OpenLater() {
    Replica& to = *replicas_[random_.Below(replicas_.size())];
    const auto& entries = origin().entries();
    const uint64_t some = 1 + random_.Below(entries.size() - 1);
    if (entries[some].header.case_id().empty()) return;
    TestOrigin::Opened opened;
    for (uint64_t p = 1; p < entries.size(); ++p) {
      const TestOrigin::Gone gone = origin().GoneAt(p);
      if (entries[p].header.case_id() != entries[some].header.case_id() || gone.leaf ||
          !gone.sections.empty() || entries[p].header.has_later() || random_.Below(4) == 0) {
        continue;
      }
      for (const auto& [kind, plaintext] : entries[p].plaintexts) {
        if (random_.Below(2) == 0) opened[p].push_back(kind);
      }
      opened[p];
    }
    if (opened.empty()) return;
    origin().AddLater(origin().CaseOf(some), to.receiver, opened);
    CommitAndTell();
  }
  // What the log has of one case goes: its sections, or whole entries.
  void EraseACase() {
    const auto& entries = origin().entries();
    const uint64_t some = 1 + random_.Below(entries.size() - 1);
    if (entries[some].header.case_id().empty()) return;
    const bool leaf = random_.Below(2) == 0;
    std::vector<log::ErasedPart> parts;
    for (uint64_t p = 1; p < entries.size(); ++p) {
      if (entries[p].header.case_id() != entries[some].header.case_id()) continue;
      log::ErasedPart part{.position = Position(p), .sections = {}, .leaf = leaf};
      const TestOrigin::Gone gone = origin().GoneAt(p);
      for (const auto& [kind, plaintext] : entries[p].plaintexts) {
        if (!gone.sections.has(kind)) part.sections.add(kind);
      }
      if (gone.leaf || (!leaf && part.sections.empty())) continue;
      parts.push_back(part);
    }
    if (parts.empty()) return;
    origin().AddErased(parts);
    CommitAndTell();
    origin().Erase(parts);
    erased_ += leaf ? parts.size() : 0;
  }
  void ChangeKey() {
    origin().AddSigningKeyChange(static_cast<char>('A' + key_changes_++));
    CommitAndTell();
    StartPublisher(0);  // its own word is judged with its keys
  }
  void CommitAndTell() {
    origin().Commit();
    Route(0, side().publisher->OnCommitted(origin().size(), origin().checkpoint(), now_));
  }
  size_t filled() const { return filled_; }
  size_t erased() const { return erased_; }

  // From now on the origin shows another history to these replicas, under the same key.
  void Fork(const std::set<size_t>& replicas) {
    honest_ = false;
    sides_.push_back(std::make_unique<Side>());
    sides_[1]->origin = origin().OldCopy(origin().size(), random_());
    StartPublisher(1);
    for (const size_t index : replicas) {
      replicas_[index]->side = 1;
      StartSubscriber(*replicas_[index]);
    }
  }

  // The origin's disk, and all it knew of its witnesses, is as it was at `size`.
  void RollBack(Position size) {
    honest_ = false;
    side().origin = origin().OldCopy(size, random_());
    std::erase_if(side().kept, [&](const auto& item) { return item.second.size > size; });
    StartPublisher(0);
  }

  // Lets simulated time pass; stops early when `done`.
  bool Run(
      absl::Duration how_long, const std::function<bool()>& done = [] { return false; }) {
    const absl::Time end = now_ + how_long;
    while (!done()) {
      absl::Time next = std::min(end, next_fault_);
      if (!events_.empty()) next = std::min(next, events_.top().at);
      next = std::min(next, next_gossip_);
      for (const auto& side : sides_) next = std::min(next, side->publisher->NextTick());
      for (const auto& replica : replicas_) next = std::min(next, replica->subscriber->NextTick());
      if (next >= end) {
        now_ = end;
        return done();
      }
      now_ = std::max(now_, next);
      if (now_ >= next_fault_) {
        next_fault_ = now_ + absl::Seconds(1);
        InjectRestarts();
      }
      while (!events_.empty() && events_.top().at <= now_) {
        auto event = events_.top().what;
        events_.pop();
        event();
      }
      if (now_ >= next_gossip_) {
        next_gossip_ = now_ + absl::Seconds(1 + random_.Below(5));
        Gossip();
      }
      for (size_t i = 0; i < sides_.size(); ++i) {
        if (sides_[i]->publisher->NextTick() <= now_) Route(i, sides_[i]->publisher->Tick(now_));
      }
      for (auto& replica : replicas_) {
        if (replica->subscriber->NextTick() <= now_)
          Take(*replica, replica->subscriber->Tick(now_));
      }
      if (::testing::Test::HasFatalFailure()) return false;
    }
    return true;
  }

  bool Complete() const {
    return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      return replica->log->size() == sides_[replica->side]->origin->size() &&
             replica->subscriber->status().wanted() == 0 &&
             replica->subscriber->status().state() == exchange::v1::SUBSCRIPTION_STATE_LIVE;
    });
  }

  // Every agency stands behind the whole log, and every replica knows it of every other.
  bool Witnessed() const {
    const Position size = sides_[0]->origin->size();
    if (sides_[0]->book->AgenciesCovering(size).size() != replicas_.size()) return false;
    return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      return replica->kept.size() == replicas_.size() &&
             std::all_of(replica->kept.begin(), replica->kept.end(),
                         [&](const auto& item) { return item.second.size == size; });
    });
  }

  void Judge() {
    for (const auto& replica : replicas_) {
      SCOPED_TRACE(replica->receiver);
      TestOrigin& of = origin(replica->side);
      if (replica->mirror) {
        ExpectWhole(of, replica->receiver, *replica->engine, replica->log->number(),
                    replica->log->size());
      } else {
        ExpectProjection(of, replica->receiver, *replica->engine, replica->log->number(),
                         replica->log->head());
      }
      auto note = replica->engine->ReadCheckpoint(replica->log->number(), replica->log->size());
      ASSERT_THAT(note, IsOk());
      if (replica->log->size() == Position(0)) continue;
      auto checkpoint = proof::VerifyCheckpoint(note->value(), of.keys());
      ASSERT_THAT(checkpoint, IsOk());
      EXPECT_EQ(checkpoint->root, replica->log->head().frontier.Root());
      EXPECT_EQ(checkpoint->size, replica->log->size());
    }
  }

  size_t alarms() const { return alarms_; }
  uint64_t most_held() const { return most_held_; }
  size_t restarts() const { return restarts_; }
  uint64_t delivered_batches() const { return delivered_batches_; }
  Position stored(size_t replica) const { return replicas_[replica]->log->size(); }
  exchange::v1::SubscriptionStatus status(size_t replica) const {
    return replicas_[replica]->subscriber->status();
  }
  absl::Time now() const { return now_; }
  log::Engine& engine(size_t replica) { return *replicas_[replica]->engine; }
  LogNumber number(size_t replica) const { return replicas_[replica]->log->number(); }
  // Found by replicas, and by the origin of itself.
  size_t forks() const {
    return static_cast<size_t>(
        std::count_if(replicas_.begin(), replicas_.end(),
                      [](const auto& replica) { return !replica->fork.empty(); }));
  }
  const std::string& self_fork() const { return sides_[0]->self_fork; }
  Position shown_ahead() const { return sides_[0]->shown_ahead; }
  bool confirmed() const { return sides_[0]->book->confirmed(); }

 private:
  // One history that an origin shows.
  struct Side {
    std::unique_ptr<TestOrigin> origin;
    std::unique_ptr<Publisher> publisher;
    std::unique_ptr<WitnessBook> book;
    uint64_t life = 0;                                 // of this process of the origin
    std::map<std::string, log::KeptCosignature> kept;  // on its disk, by witness
    std::string self_fork;
    Position shown_ahead;
  };
  struct Replica {
    size_t index = 0;
    size_t side = 0;
    std::string receiver;
    bool mirror = false;
    std::unique_ptr<proof::Signer> cosigner;
    std::string fork;                                  // on its disk
    std::map<std::string, log::KeptCosignature> kept;  // of other witnesses, on its disk
    std::unique_ptr<log::Engine> engine = log::MakeMemoryEngine();
    std::unique_ptr<log::ReplicaLog> log;
    std::unique_ptr<Subscriber> subscriber;
    uint64_t life = 0;  // events of an earlier life are lost
    uint64_t session = 0;
    std::map<uint64_t, uint64_t> held;  // end position → payload bytes received in this session
    bool storing = false;
  };
  struct Event {
    absl::Time at;
    uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  bool Chance(double p) { return static_cast<double>(random_.Below(1'000'000)) < p * 1'000'000; }

  void At(absl::Time time, std::function<void()> what) {
    events_.push({time, ++event_number_, std::move(what)});
  }

  // `link`: messages of one link arrive in order unless they are reordered on purpose.
  void Send(uint64_t link, const std::function<void()>& deliver) {
    if (Chance(faults.loss)) return;
    const int copies = Chance(faults.duplication) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      absl::Time at = now_ + absl::Microseconds(100 + random_.Below(2'000));
      if (Chance(faults.reordering)) {
        at += absl::Milliseconds(random_.Below(500));
      } else {
        at = std::max(at, last_arrival_[link]);
        last_arrival_[link] = at;
      }
      At(at, deliver);
    }
  }

  Side& side() { return *sides_[0]; }

  std::vector<TrustedWitness> Witnesses() const {
    std::vector<TrustedWitness> witnesses;
    for (const auto& replica : replicas_) {
      witnesses.push_back({replica->receiver, replica->cosigner->verifier()});
    }
    return witnesses;
  }

  void StartPublisher(size_t number) {
    Side& of = *sides_[number];
    PublisherOptions options{.origin = kOrigin};
    options.fills = [o = of.origin.get()](std::string_view receiver,
                                          std::span<const Position> positions, size_t max_bytes) {
      return o->CutFills(receiver, positions, max_bytes);
    };
    options.batch_bytes = 16 << 10;
    of.publisher = Publisher::Make(options, of.origin->cut());
    std::vector<log::KeptCosignature> kept;
    for (const auto& [witness, cosignature] : of.kept) kept.push_back(cosignature);
    of.book = WitnessBook::Make({.origin = kOrigin,
                                 .own_agency = kOulu,
                                 .own_keys = of.origin->keys(),
                                 .witnesses = Witnesses(),
                                 .prefix = PrefixOf(of.origin->engine(), kOwnLog),
                                 .opened_at = of.origin->size()},
                                kept);
    of.publisher->SetExtras([&of] {
      Publisher::HeartbeatExtras extras;
      for (const log::KeptCosignature& newest : of.book->newest()) {
        exchange::v1::Cosigned cosigned;
        cosigned.set_checkpoint(NoteAt(*of.origin, newest.size) + newest.line);
        auto proof = log::TreeReader(of.origin->engine(), kOwnLog)
                         .Consistency(newest.size, of.origin->size());
        EXPECT_THAT(proof, IsOk());
        for (const Hash& hash : *proof) cosigned.add_consistency(std::string(hash.view()));
        extras.cosigned.push_back(std::move(cosigned));
      }
      return extras;
    });
    ++of.life;
    Route(number, of.publisher->OnCommitted(of.origin->size(), of.origin->checkpoint(), now_));
    // The links come up again one by one.
    for (auto& replica : replicas_) {
      if (replica->side != number || replica->subscriber == nullptr) continue;
      At(now_ + absl::Milliseconds(10 + random_.Below(500)),
         [this, r = replica.get(), life = replica->life] {
           if (life == r->life) Take(*r, r->subscriber->Start(now_, now_));
         });
    }
  }

  void StartSubscriber(Replica& replica) {
    ++replica.life;
    replica.storing = false;
    auto log = log::ReplicaLog::Open(*replica.engine, *OriginName::Parse(kOrigin));
    ASSERT_THAT(log, IsOk());
    replica.log = *std::move(log);
    SubscriberOptions options{.origin = kOrigin,
                              .own_agency = replica.receiver,
                              .origin_keys = origin().keys().first()};
    if (replica.log->size() > Position(0)) {
      ApplyErasures(replica);
      auto keys = log::KeysOf(*replica.engine, replica.log->number(), origin().keys().first());
      ASSERT_THAT(keys, IsOk());
      options.origin_keys = *keys;
      auto wanted = log::WantedEntries(*replica.engine, replica.log->number());
      ASSERT_THAT(wanted, IsOk());
      options.wanted = *wanted;
      auto holes = replica.log->UnexplainedHoles();
      ASSERT_THAT(holes, IsOk());
      options.holes = *holes;
    }
    options.lookups = LookupsIn(
        *replica.engine, [&replica] { return replica.log->number(); }, replica.receiver);
    options.credit_bytes = credit_;
    options.cosigner = replica.cosigner.get();
    options.witnesses = Witnesses();
    options.prefix = PrefixOf(*replica.engine, replica.log->number());
    options.stored_checkpoint = StoredNote(replica);
    options.forked = !replica.fork.empty();
    options.mirror = replica.mirror;
    replica.subscriber = Subscriber::Make(options, replica.log->head(), WrapWithOwnKey,
                                          polku::testing::SeededRandom(random_()));
    Take(replica, replica.subscriber->Start(now_, now_));
  }

  // What a receiver's host does when it has stored an Erased.
  void ApplyErasures(Replica& replica) {
    auto controls =
        log::ControlEntries(*replica.engine, replica.log->number(), log::kErasedType);
    ASSERT_THAT(controls, IsOk());
    for (const log::ControlEntry& control : *controls) {
      event::v1::Erased erased;
      ASSERT_TRUE(
          erased.ParseFromString(origin().entries()[control.position.value()].header.control()));
      std::vector<log::ErasedPart> parts;
      for (const auto& entry : erased.entries()) {
        parts.push_back({Position(entry.position()), SectionsIn(entry.sections()), entry.leaf()});
      }
      ASSERT_THAT(log::EraseEntries(*replica.engine, replica.log->number(), parts), IsOk());
    }
  }

  static std::string StoredNote(const Replica& replica) {
    auto note = replica.engine->ReadCheckpoint(replica.log->number(), replica.log->size());
    EXPECT_THAT(note, IsOk());
    return note->value_or("");
  }

  // What a heartbeat's `seen` does: each replica's own service tells the next one.
  void Gossip() {
    for (const auto& replica : replicas_) {
      Replica& next = *replicas_[(replica->index + 1) % replicas_.size()];
      Send(2 * replicas_.size() + replica->index,
           [this, &next, note = StoredNote(*replica), life = next.life] {
             if (life == next.life) Take(next, next.subscriber->OnSeen(note, now_).outputs);
           });
    }
  }

  void OnCosign(size_t number, const Replica& from, const exchange::v1::Cosign& cosign) {
    Side& of = *sides_[number];
    const auto outcome =
        of.book->OnCosign(from.receiver, cosign, of.origin->size(), of.origin->checkpoint(), now_);
    if (honest_) {
      ASSERT_FALSE(outcome.ahead.has_value());
      ASSERT_EQ(outcome.self_fork, "");
      // Messages that overtake each other are all that a network can do.
      if (!outcome.rejected.empty()) {
        ASSERT_THAT(outcome.rejected, HasSubstr("older than what"));
      }
    }
    if (!outcome.self_fork.empty()) of.self_fork = outcome.self_fork;
    if (outcome.ahead.has_value()) of.shown_ahead = outcome.ahead->size;
    if (!outcome.keep.has_value()) return;
    of.kept[outcome.keep->witness] = *outcome.keep;
    // Judge: who counts has it on its disk.
    for (const std::string& agency : of.book->AgenciesCovering(outcome.keep->size)) {
      for (const auto& replica : replicas_) {
        if (replica->receiver != agency) continue;
        ASSERT_GE(replica->log->size(), outcome.keep->size);
      }
    }
    of.publisher->OnCosigned(now_);
  }

  void Keep(Replica& replica, const log::KeptCosignature& kept) {
    // Judge: proven to be of what is stored here, and of what the witness had stored.
    const log::LogHead& head = replica.log->head();
    ASSERT_EQ(kept.proven_to, head.frontier.size());
    ASSERT_THAT(proof::VerifyConsistency(kept.size, kept.proven_to, kept.root, head.frontier.Root(),
                                         kept.consistency),
                IsOk());
    for (const auto& witness : replicas_) {
      if (witness->cosigner->verifier().name() != kept.witness) continue;
      ASSERT_GE(witness->log->size(), kept.size);
      ASSERT_THAT(proof::VerifyCosignature(
                      Str(proof::CheckpointBody({kOrigin, kept.size, kept.root}), "\n", kept.line),
                      witness->cosigner->verifier()),
                  IsOk());
    }
    replica.kept[kept.witness] = kept;
  }

  void InjectRestarts() {
    for (size_t i = 0; i < sides_.size(); ++i) {
      if (!Chance(faults.restarts)) continue;
      ++restarts_;
      StartPublisher(i);
    }
    for (auto& replica : replicas_) {
      if (!Chance(faults.restarts)) continue;
      ++restarts_;
      StartSubscriber(*replica);
    }
  }

  void Take(Replica& replica, std::vector<SubscriberOutput> outputs) {
    for (SubscriberOutput& output : outputs) {
      if (auto* send = std::get_if<SendPull>(&output)) {
        // Judge: nothing is acknowledged before it is stored.
        ASSERT_LE(send->pull.next_position(), replica.log->size().value());
        if (send->pull.session() != replica.session) replica.held.clear();
        replica.session = send->pull.session();
        Send(2 * replica.index, [this, &replica, pull = send->pull, number = replica.side,
                                 life = sides_[replica.side]->life] {
          Side& to = *sides_[number];
          if (life != to.life) return;
          Route(number,
                to.publisher->OnPull(std::to_string(replica.index), replica.receiver, pull, now_));
        });
      } else if (auto* alarm = std::get_if<RaiseAlarm>(&output)) {
        ++alarms_;
        // Honest sides over any network: nothing but what a loss looks like.
        if (honest_) {
          ASSERT_THAT(alarm->what, StartsWith("gap: ")) << replica.receiver;
        }
      } else if (auto* cosign = std::get_if<SendCosign>(&output)) {
        // Judge: only what is on this disk, and never a log that is known to have forked.
        ASSERT_EQ(replica.fork, "");
        ASSERT_THAT(cosign->cosign.checkpoint(), StartsWith(StoredNote(replica)));
        Send(2 * replica.index, [this, &replica, message = cosign->cosign, number = replica.side,
                                 life = sides_[replica.side]->life] {
          if (life == sides_[number]->life) OnCosign(number, replica, message);
        });
      } else if (auto* fork = std::get_if<KeepFork>(&output)) {
        ASSERT_FALSE(honest_) << "a false accusation";
        ASSERT_EQ(replica.fork, "") << "told once";
        auto pair = proof::ParseCheckpointPair(fork->pair);
        ASSERT_THAT(pair, IsOk());
        ASSERT_THAT(proof::VerifyCheckpointPair(*pair, origin().signer().verifier()),
                    IsOkAndHolds(proof::PairVerdict::kFork));
        replica.fork = std::move(fork->pair);
      } else if (auto* keep = std::get_if<KeepCosignatures>(&output)) {
        for (const auto& kept : keep->cosignatures) Keep(replica, kept);
      } else if (auto* ask = std::get_if<SendFetch>(&output)) {
        Send(2 * replica.index, [this, &replica, fetch = ask->fetch, number = replica.side,
                                 life = sides_[replica.side]->life] {
          Side& to = *sides_[number];
          if (life != to.life) return;
          Route(number, to.publisher->OnFetch(std::to_string(replica.index), fetch));
        });
      } else if (auto* opened = std::get_if<StoreFills>(&output)) {
        // Judge: never beside another store.
        ASSERT_FALSE(replica.storing);
        replica.storing = true;
        auto fills = std::make_shared<StoreFills>(std::move(*opened));
        At(now_ + faults.store, [this, &replica, fills, life = replica.life] {
          if (life != replica.life) return;
          ASSERT_THAT(log::FillEntries(*replica.engine, replica.log->number(), fills->fills),
                      IsOk());
          ASSERT_THAT(log::GiveUpWanted(*replica.engine, replica.log->number(), fills->gone),
                      IsOk());
          filled_ += fills->fills.size();
          if (Chance(faults.restarts)) {
            StartSubscriber(replica);
            return;
          }
          replica.storing = false;
          Take(replica, replica.subscriber->OnFillsStored(absl::OkStatus(), now_));
        });
      } else {
        // Judge: one store at a time, in order.
        ASSERT_FALSE(replica.storing);
        replica.storing = true;
        auto batch =
            std::make_shared<log::VerifiedBatch>(std::move(std::get<StoreBatch>(output).batch));
        ASSERT_EQ(batch->first, replica.log->size());
        // The disk takes its time; a crash during it may come before or after the write.
        At(now_ + faults.store, [this, &replica, batch, life = replica.life] {
          if (life != replica.life) return;
          ASSERT_THAT(replica.log->Append(*batch), IsOk());
          ApplyErasures(replica);
          if (Chance(faults.restarts)) {
            StartSubscriber(replica);
            return;
          }
          replica.storing = false;
          replica.held.erase(replica.held.begin(),
                             replica.held.upper_bound(replica.log->size().value()));
          Take(replica, replica.subscriber->OnStored(absl::OkStatus(), now_, now_));
        });
      }
    }
  }

  void Route(size_t number, std::vector<PublisherOutput> outputs) {
    for (PublisherOutput& output : outputs) {
      if (auto* send = std::get_if<SendBatch>(&output)) {
        // The transport refuses some.
        if (faults.loss > 0 && Chance(faults.loss / 2)) {
          sides_[number]->publisher->OnSendFailed(send->to);
          continue;
        }
        Replica& replica = *replicas_[std::stoul(send->to)];
        auto message = std::make_shared<BatchMessage>(std::move(send->message));
        Send(2 * replica.index + 1, [this, &replica, message, life = replica.life] {
          if (life != replica.life) return;
          ++delivered_batches_;
          if (message->batch.session() == replica.session) {
            const uint64_t end = message->batch.first_position() + message->batch.count();
            if (end > replica.log->size().value()) {
              replica.held[end] = message->entries.size() + message->blobs.size();
            }
            uint64_t held = 0;
            for (const auto& [position, bytes] : replica.held) held += bytes;
            most_held_ = std::max(most_held_, held);
          }
          Take(replica,
               replica.subscriber->OnBatch(message->batch, message->entries, message->blobs, now_));
        });
      } else if (auto* opened = std::get_if<SendFill>(&output)) {
        if (faults.loss > 0 && Chance(faults.loss / 2)) {
          sides_[number]->publisher->OnFillFailed(opened->to);
          continue;
        }
        Replica& replica = *replicas_[std::stoul(opened->to)];
        auto message = std::make_shared<FillMessage>(std::move(opened->message));
        Send(2 * replica.index + 1, [this, &replica, message, life = replica.life] {
          if (life != replica.life) return;
          Take(replica, replica.subscriber->OnFill(message->fill, message->entries,
                                                   message->blobs, now_));
        });
      } else if (auto* beat = std::get_if<SendHeartbeat>(&output)) {
        Replica& replica = *replicas_[std::stoul(beat->to)];
        Send(2 * replica.index + 1,
             [this, &replica, heartbeat = beat->heartbeat, life = replica.life] {
               if (life == replica.life)
                 Take(replica, replica.subscriber->OnHeartbeat(heartbeat, now_, now_));
             });
      } else {
        const auto& refused = std::get<SendError>(output);
        ASSERT_FALSE(honest_) << refused.error.ShortDebugString();
        Replica& replica = *replicas_[std::stoul(refused.to)];
        Send(2 * replica.index + 1, [this, &replica, error = refused.error, life = replica.life] {
          if (life == replica.life) Take(replica, replica.subscriber->OnError(error, now_));
        });
      }
    }
  }

  polku::testing::SeededGenerator random_;
  std::vector<std::unique_ptr<Side>> sides_;
  bool honest_ = true;
  const uint64_t credit_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  absl::Time next_fault_ = now_;
  absl::Time next_gossip_ = now_;
  std::priority_queue<Event> events_;
  uint64_t event_number_ = 0;
  std::map<uint64_t, absl::Time> last_arrival_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  size_t alarms_ = 0;
  size_t filled_ = 0;
  size_t erased_ = 0;
  int key_changes_ = 0;
  size_t restarts_ = 0;
  uint64_t most_held_ = 0;
  uint64_t delivered_batches_ = 0;
};

TEST(SimulationTest, SeveralReceiversCatchUpEachWithItsPartAndFollowLive) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider, kAuditor}, 8 << 20);
  for (int i = 0; i < 30; ++i) world.Append(100);
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  world.Judge();
  // Live: a commit is everywhere within network and disk time, no interval is waited for.
  for (int i = 0; i < 50; ++i) {
    world.Append(1);
    ASSERT_TRUE(world.Run(absl::Milliseconds(100), [&] { return world.Complete(); })) << i;
  }
  world.Judge();
}

TEST(SimulationTest, OneLargeCommitOverManyTimesTheCreditArrives) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider}, 20'000);
  world.Append(3000);
  ASSERT_TRUE(world.Run(absl::Minutes(10), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  world.Judge();
}

class FaultyNetworkTest : public ::testing::TestWithParam<std::pair<const char*, Faults>> {};

TEST_P(FaultyNetworkTest, NothingIsLostDoubledOrFalselyAccused) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider, kAuditor}, 60'000);
  world.faults = GetParam().second;
  polku::testing::SeededGenerator random(seed);
  for (int i = 0; i < 60; ++i) {
    world.Append(1 + random.Below(60));
    world.Run(absl::Milliseconds(random.Below(3'000)));
    if (HasFatalFailure()) return;
  }
  world.Judge();              // in the middle: a correct prefix
  world.faults.restarts = 0;  // the others go on
  ASSERT_TRUE(world.Run(absl::Hours(2), [&] { return world.Complete(); }))
      << world.status(0).ShortDebugString() << world.status(1).ShortDebugString()
      << world.status(2).ShortDebugString();
  world.Judge();
  world.faults = {};
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Witnessed(); }));
  if (GetParam().second.restarts > 0) {
    EXPECT_GT(world.restarts(), 5u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FaultyNetworkTest,
    ::testing::Values(
        std::pair("none", Faults{}), std::pair("loss", Faults{.loss = 0.1}),
        std::pair("duplication", Faults{.duplication = 0.3}),
        std::pair("reordering", Faults{.reordering = 0.05}),
        std::pair("restarts", Faults{.restarts = 0.1}),
        std::pair("slow_disk", Faults{.restarts = 0.05, .store = absl::Milliseconds(700)}),
        std::pair("everything",
                  Faults{.loss = 0.05, .duplication = 0.05, .reordering = 0.02, .restarts = 0.05})),
    [](const auto& test) { return std::string(test.param.first); });

TEST(SimulationTest, ADeadNetworkBringsNothingAndShowsAndHeals) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela}, 1 << 20);
  world.Append(100);
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  world.faults.loss = 1;
  world.Append(100);
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.stored(0), Position(101));
  EXPECT_EQ(world.status(0).state(), exchange::v1::SUBSCRIPTION_STATE_SILENT);
  EXPECT_EQ(world.alarms(), 0u);
  world.faults.loss = 0;
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  world.Judge();
}

TEST(SimulationTest, ASlowSubscriberHoldsNoMoreThanItsCreditAndOneEntry) {
  const uint64_t seed = polku::testing::TestSeed();
  const uint64_t credit = 30'000;
  World world(seed, {kKela, kProvider}, credit);
  world.faults.store = absl::Seconds(3);
  for (int i = 0; i < 2000; ++i) world.Append(1);
  ASSERT_TRUE(world.Run(absl::Hours(2), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  EXPECT_GT(world.most_held(), credit / 2);
  EXPECT_LE(world.most_held(), credit + 3'000) << "an entry here has at most 3,000 bytes";
  world.Judge();
}

// A network made from the seed: how many, who mirrors, how bad it all is.
std::unique_ptr<World> RandomWorld(uint64_t seed) {
  polku::testing::SeededGenerator random(seed);
  std::vector<std::string> receivers;
  std::set<size_t> mirrors;
  const size_t count = 2 + random.Below(5);
  for (size_t i = 0; i < count; ++i) {
    receivers.push_back(Str("FI/ORG/", i, "/agency"));
    if (random.Below(3) == 0) mirrors.insert(i);
  }
  auto world = std::make_unique<World>(seed, receivers, 20'000 + random.Below(1 << 20), mirrors);
  world->faults.loss = static_cast<double>(random.Below(10)) / 100;
  world->faults.duplication = static_cast<double>(random.Below(10)) / 100;
  world->faults.reordering = static_cast<double>(random.Below(5)) / 100;
  world->faults.restarts = static_cast<double>(random.Below(10)) / 100;
  world->faults.store = absl::Milliseconds(1 + random.Below(300));
  return world;
}

class RandomWorldTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  RandomWorldTest() : seed_(polku::testing::TestSeed() + GetParam()), random_(seed_) {}
  void AppendFor(World& world, int commits, size_t sides = 1) {
    for (int i = 0; i < commits; ++i) {
      for (size_t to = 0; to < sides; ++to) world.Append(1 + random_.Below(8), to);
      world.Run(absl::Milliseconds(random_.Below(2'000)));
      if (HasFatalFailure()) return;
    }
  }
  const uint64_t seed_;
  polku::testing::SeededGenerator random_;
};

TEST_P(RandomWorldTest, HonestSidesAreAllWitnessedAndNobodyIsAccused) {
  auto world = RandomWorld(seed_);
  AppendFor(*world, 40);
  if (HasFatalFailure()) return;
  world->Judge();
  world->faults.restarts = 0;
  ASSERT_TRUE(world->Run(absl::Hours(2), [&] { return world->Complete(); }));
  world->faults = {};
  ASSERT_TRUE(world->Run(absl::Minutes(1), [&] { return world->Witnessed(); }));
  EXPECT_TRUE(world->confirmed());
  world->Judge();
  EXPECT_EQ(world->forks(), 0u);
}

TEST_P(RandomWorldTest, EachEndsWithWhatIsOpenedToItAndNotErasedAndCosigns) {
  auto world = RandomWorld(seed_);
  world->Append(30);
  for (int i = 0; i < 60; ++i) {
    switch (random_.Below(8)) {
      case 0:
      case 1:
      case 2: world->OpenLater(); break;
      case 3: world->EraseACase(); break;
      case 4: if (random_.Below(4) == 0) world->ChangeKey(); break;
      default: world->Append(1 + random_.Below(12));
    }
    world->Run(absl::Milliseconds(random_.Below(3'000)));
    if (HasFatalFailure()) return;
  }
  world->Append(5);
  world->faults.restarts = 0;
  ASSERT_TRUE(world->Run(absl::Hours(2), [&] { return world->Complete(); }))
      << world->status(0).ShortDebugString() << world->status(1).ShortDebugString();
  world->Judge();
  world->faults = {};
  // No hole is left, or somebody would not cosign.
  ASSERT_TRUE(world->Run(absl::Minutes(1), [&] { return world->Witnessed(); }));
  EXPECT_GT(world->filled(), 0u);
  EXPECT_EQ(world->forks(), 0u);
}

TEST_P(RandomWorldTest, ASplitViewIsFoundByGossipAndProven) {
  auto world = RandomWorld(seed_);
  AppendFor(*world, 10);
  if (HasFatalFailure()) return;
  world->Fork({0});
  // Both histories grow; nothing but what the replicas tell each other shows it.
  AppendFor(*world, 20, 2);
  if (HasFatalFailure()) return;
  const double restarts = std::exchange(world->faults.restarts, 0);
  // A replica that lags takes several commits at once and cannot compare in between, so both grow
  // on.
  for (int i = 0; i < 60 && world->forks() == 0; ++i) AppendFor(*world, 1, 2);
  ASSERT_GT(world->forks(), 0u);
  world->faults.restarts = restarts;
  AppendFor(*world, 10, 2);
  if (HasFatalFailure()) return;
  world->Judge();  // everybody still follows what fits
}

TEST_P(RandomWorldTest, AnOriginOpenedFromAnOldCopyIsToldBeforeOrProvenAfterItGoesOn) {
  auto world = RandomWorld(seed_);
  AppendFor(*world, 10);
  if (HasFatalFailure()) return;
  const Position old = world->origin().size();
  AppendFor(*world, 10);
  if (HasFatalFailure()) return;
  world->faults = {};
  ASSERT_TRUE(world->Run(absl::Hours(1), [&] { return world->Complete() && world->Witnessed(); }));
  const Position newest = world->origin().size();
  world->RollBack(old);
  EXPECT_TRUE(world->Run(absl::Seconds(2), [&] { return world->shown_ahead() == newest; }));
  EXPECT_FALSE(world->confirmed());
  EXPECT_EQ(world->self_fork(), "");

  // It does not listen, and signs other entries in place of those that it lost.
  while (world->origin().size() < newest) world->Append(3);
  world->RollBack(world->origin().size());  // a restart brings the links up again
  ASSERT_TRUE(world->Run(absl::Seconds(2), [&] { return !world->self_fork().empty(); }));
  auto pair = proof::ParseCheckpointPair(world->self_fork());
  ASSERT_THAT(pair, IsOk());
  EXPECT_THAT(proof::VerifyCheckpointPair(*pair, world->origin().signer().verifier()),
              IsOkAndHolds(proof::PairVerdict::kFork));
}

TEST_P(RandomWorldTest, FromAMirrorEverythingComesBack) {
  polku::testing::SeededGenerator random(seed_);
  World world(seed_, {kKela, kProvider}, 100'000, {1});
  world.faults = {.loss = 0.05, .duplication = 0.05, .reordering = 0.02, .restarts = 0.05};
  AppendFor(world, 40);
  if (HasFatalFailure()) return;
  ASSERT_TRUE(world.Run(absl::Hours(2), [&] { return world.Complete(); }));
  SubscriberOptions options{.own_agency = kOulu, .origin_keys = world.origin().signer().verifier()};
  options.mirror = true;
  Follower recovered(world.origin(), options);
  uint64_t next = 0;
  while (next < world.origin().size().value()) {
    auto message = CutWhole(world.engine(1), world.number(1), kOrigin, kOulu, Position(next),
                            world.origin().size(), 1 + random.Below(5'000), nullptr);
    ASSERT_THAT(message, IsOk());
    next += message->batch.count();
    recovered.Deliver(*std::move(message));
    ASSERT_THAT(recovered.alarms, ::testing::IsEmpty());
  }
  ASSERT_EQ(recovered.size(), world.origin().size());
  EXPECT_EQ(recovered.head().frontier, world.origin().frontier());
  ExpectWhole(world.origin(), "nobody", recovered.engine(), recovered.number(), recovered.size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWorldTest, ::testing::Range(uint64_t{0}, uint64_t{6}));

}  // namespace
}  // namespace polku::replica
