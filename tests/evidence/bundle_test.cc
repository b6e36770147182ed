#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "eventstore/base/hash.h"
#include "eventstore/evidence/anchor.h"
#include "eventstore/evidence/json_form.h"
#include "eventstore/proof/note.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/evidence/bundle_world.h"

namespace polku::evidence {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

constexpr char kKelaWitness[] = "FI/GOV/0245437-2/kela/compensation/witness";
constexpr char kPajaWitness[] = "FI/ORG/9999992-5/toimintatupa/attendance/witness";
constexpr char kServiceText[] = "2025-01-07";
constexpr char kSocialText[] = "rytmi puuttuu";
constexpr char kHealthText[] = "selka kipea";

referral::v1::NeedIdentified Need() {
  referral::v1::NeedIdentified need;
  need.set_identified_on(kServiceText);
  need.set_social_reasons(kSocialText);
  need.set_health_reasons(kHealthText);
  return need;
}

SectionSet Sections(std::initializer_list<SectionKind> kinds) {
  SectionSet set;
  for (const SectionKind kind : kinds) set.add(kind);
  return set;
}
const SectionSet kService = Sections({SectionKind::kService});
const SectionSet kServiceAndSocial = Sections({SectionKind::kService, SectionKind::kSocial});
const SectionSet kEverything =
    Sections({SectionKind::kService, SectionKind::kSocial, SectionKind::kHealth});

std::vector<std::string> Names(const std::vector<Problem>& problems) {
  std::vector<std::string> names;
  for (const auto& problem : problems) names.emplace_back(ProblemName(problem.kind));
  return names;
}
std::string Text(const BundleReport& report) {
  std::string text;
  for (const auto& problem : report.problems) {
    text += Str(ProblemName(problem.kind), " ", problem.origin, " ",
                problem.position ? std::to_string(problem.position->value()) : "-", ": ",
                problem.what, "\n");
  }
  return text;
}

// Oulu's log of 24 entries and Kela's replica of it, which ends at 23; Kela's own log. Both have
// kept cosignatures by Kela and by an association.
//   oulu 0 Genesis, 1 SchemaAdded, 2 case 1 (Kela: service), 3-19 case 2 (nobody), 20 case 1 (Kela:
//   service, social),
//        21 case 1 (nobody), 22 case 1 (Kela: service), 23 case 1 (Kela: service)
//   kela 0 Genesis, 1 SchemaAdded, 2 case 1, because of oulu 20
struct Scene {
  World oulu{kOuluOrigin, 'o'};
  World kela{kKelaOrigin, 'k'};
  std::unique_ptr<proof::Signer> kela_witness =
      FixedSigner(kKelaWitness, proof::KeyUse::kCosignature, 'K');
  std::unique_ptr<proof::Signer> paja_witness =
      FixedSigner(kPajaWitness, proof::KeyUse::kCosignature, 'P');
  absl::Time start = oulu.now();

  absl::Time At(int minutes) const { return start + absl::Minutes(minutes); }

  Scene() {
    const CaseId one = NumberedCase(1);
    oulu.AddSchema(Need());
    oulu.Add(one, Need(), {{kKela, kService, Position(1)}});
    for (int i = 0; i < 17; ++i) oulu.Add(NumberedCase(2), Need());
    const auto cause = oulu.Add(one, Need(), {{kKela, kServiceAndSocial, Position(1)}});
    oulu.Add(one, Need());
    oulu.Advance(absl::Minutes(15));
    oulu.Add(one, Need(), {{kKela, kService, Position(1)}});
    EXPECT_EQ(oulu.size(), Position(23));
    oulu.ReplicateTo(kela, kKela, {3, 21, 23});
    oulu.Add(one, Need(), {{kKela, kService, Position(1)}});
    kela.AddSchema(Need());
    kela.Advance(absl::Minutes(20));
    kela.Add(one, Need(), {{kOulu, kService, Position(1)}},
             {{.origin = kOuluOrigin, .position = cause.position, .leaf_hash = cause.leaf_hash}});

    oulu.KeepOwn(*kela_witness, Position(21), At(10));
    oulu.KeepOwn(*kela_witness, Position(23), At(20));
    oulu.KeepOwn(*paja_witness, Position(23), At(21));
    oulu.KeepAt(kela, *kela_witness, Position(21), At(10), Position(21));
    oulu.KeepAt(kela, *kela_witness, Position(23), At(20), Position(23));
    // Inside what is withheld from Kela.
    oulu.KeepAt(kela, *paja_witness, Position(13), At(5), Position(21));
    oulu.KeepAt(kela, *paja_witness, Position(23), At(21), Position(23));
    kela.KeepOwn(*paja_witness, Position(3), At(25));
  }

  BundleOptions Options(World& at, std::vector<BundleEntry> entries) {
    BundleOptions options;
    options.engine = &at.engine();
    options.made_by = &at == &oulu ? kOuluOrigin : kKelaOrigin;
    options.made_at = At(60);
    options.case_id = NumberedCase(1);
    options.entries = std::move(entries);
    options.secret = at.Secrets();
    options.keys = {{kOuluOrigin, oulu.key()}, {kKelaOrigin, kela.key()}};
    options.witnesses = {kela_witness->verifier(), paja_witness->verifier()};
    return options;
  }
  BundleOptions OuluOptions() {
    return Options(oulu,
                   {{kOwnLog, Position(2)}, {kOwnLog, Position(20)}, {kOwnLog, Position(21)}});
  }
  BundleOptions KelaOptions() {
    const LogNumber replica = kela.ReplicaOf(kOuluOrigin);
    return Options(kela, {{replica, Position(20)}, {kOwnLog, Position(2)}, {replica, Position(2)}});
  }
  std::string Policy(size_t threshold) {
    return proof::Policy::Format({oulu.key(), kela.key()},
                                 {kela_witness->verifier(), paja_witness->verifier()}, threshold);
  }
};

class BundleTest : public ::testing::Test {
 protected:
  static v1::Bundle Make(const BundleOptions& options) {
    auto bundle = MakeBundle(options);
    EXPECT_OK(bundle);
    return bundle.ok() ? *std::move(bundle) : v1::Bundle();
  }
  static BundleReport Verify(const v1::Bundle& bundle, const proof::Policy* policy = nullptr) {
    auto report = VerifyBundle(bundle, policy);
    EXPECT_OK(report);
    return report.ok() ? *std::move(report) : BundleReport();
  }
  std::unique_ptr<proof::Signer> SlowWitness();

  Scene scene_;
};

TEST_F(BundleTest, EventsOfTheOwnLogVerifyOfflineAfterTheWayThroughAFile) {
  BundleOptions options = scene_.OuluOptions();
  options.open = kService;
  const v1::Bundle made = Make(options);
  const auto parsed = ParseBundle(FormatBundle(made));
  ASSERT_OK(parsed);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*parsed, made));
  const BundleReport report = Verify(*parsed);
  EXPECT_THAT(report.problems, IsEmpty()) << Text(report);
  EXPECT_EQ(report.events, 3u);
  EXPECT_EQ(report.sections, 3u);
  EXPECT_FALSE(report.own_policy);
  ASSERT_THAT(report.logs, SizeIs(1));
  EXPECT_EQ(report.logs[0].origin, kOuluOrigin);
  // Size 24 is the newest, but nobody cosigned it yet; both agencies cosigned 23.
  EXPECT_EQ(report.logs[0].checkpoint.size, Position(23));
  EXPECT_TRUE(report.logs[0].quorum);
  ASSERT_THAT(report.logs[0].cosigned, SizeIs(2));
  EXPECT_EQ(report.logs[0].cosigned[0].name, kKelaWitness);
  EXPECT_EQ(report.logs[0].cosigned[0].time, scene_.At(20));
  EXPECT_EQ(report.logs[0].cosigned[1].name, kPajaWitness);
  EXPECT_EQ(made.case_id(), "ca000000000000000000000000000001");
}

TEST_F(BundleTest, AReplicaWithWithheldEntriesProvesWhatItHolds) {
  BundleOptions options = scene_.KelaOptions();
  options.open = kEverything;
  const v1::Bundle bundle = Make(options);
  const BundleReport report = Verify(bundle);
  EXPECT_THAT(report.problems, IsEmpty()) << Text(report);
  ASSERT_THAT(report.logs, SizeIs(2));
  EXPECT_EQ(report.logs[0].origin, kKelaOrigin);  // ascending, whatever the store's numbers
  EXPECT_EQ(report.logs[1].origin, kOuluOrigin);
  EXPECT_EQ(report.events, 3u);
  // Kela was given: service of oulu 2, service and social of oulu 20; all of its own.
  EXPECT_EQ(report.sections, 6u);
  EXPECT_THAT(bundle.schemas(), SizeIs(1));
}

TEST_F(BundleTest, ACosignatureOfAPlaceThatIsHiddenHereIsProvenWithTheHashesKeptWithIt) {
  const LogNumber replica = scene_.kela.ReplicaOf(kOuluOrigin);
  log::TreeReader tree(scene_.kela.engine(), replica);
  ASSERT_THAT(tree.Consistency(Position(13), Position(21)), StatusIs(absl::StatusCode::kNotFound));
  const auto kept = log::CosignatureAt(scene_.kela.engine(), replica, kPajaWitness, scene_.At(5));
  ASSERT_OK(kept);
  ASSERT_TRUE(kept->has_value());
  for (const uint64_t size : {3, 21, 23}) {
    const auto proof = ProveCosigned(tree, **kept, Position(size));
    ASSERT_OK(proof) << size;
    const proof::Checkpoint other = scene_.oulu.CheckpointAt(Position(size));
    EXPECT_OK(
        size > 13
            ? proof::VerifyConsistency(Position(13), other.size, (*kept)->root, other.root, *proof)
            : proof::VerifyConsistency(other.size, Position(13), other.root, (*kept)->root, *proof))
        << size;
  }
}

TEST_F(BundleTest, EveryHiddenPlaceIsProvenToEveryStoredSize) {
  // Shapes of trees are many: every cosigned size inside the withheld run, towards every stored
  // size.
  World oulu(kOuluOrigin, 'o');
  World kela(kKelaOrigin, 'k');
  oulu.AddSchema(Need());
  for (int i = 0; i < 70; ++i) oulu.Add(NumberedCase(2), Need());
  oulu.Add(NumberedCase(1), Need(), {{kKela, kService, Position(1)}});
  const std::vector<uint64_t> ends = {2, 5, 38, 67, 73};
  oulu.ReplicateTo(kela, kKela, ends);
  const LogNumber replica = kela.ReplicaOf(kOuluOrigin);
  log::TreeReader here(kela.engine(), replica);
  log::TreeReader there(oulu.engine(), kOwnLog);
  int hidden = 0;
  for (uint64_t size = 1; size <= 73; ++size) {
    for (const uint64_t proven_to : ends) {
      if (proven_to < size) continue;
      log::KeptCosignature kept;
      kept.size = Position(size);
      kept.root = *there.Root(Position(size));
      kept.proven_to = Position(proven_to);
      if (size != proven_to) kept.consistency = *there.Consistency(kept.size, kept.proven_to);
      for (const uint64_t end : ends) {
        const auto proof = ProveCosigned(here, kept, Position(end));
        ASSERT_OK(proof) << size << " proven to " << proven_to << ", asked for " << end;
        const auto expected = there.Consistency(std::min(kept.size, Position(end)),
                                                std::max(kept.size, Position(end)));
        ASSERT_OK(expected);
        EXPECT_EQ(*proof, *expected) << size << " " << proven_to << " " << end;
        if (!here.Consistency(std::min(kept.size, Position(end)),
                              std::max(kept.size, Position(end)))
                 .ok()) {
          ++hidden;
        }
      }
    }
  }
  EXPECT_GT(hidden, 100);
}

// A third witness of Oulu's log, known to Kela, that has not come to the newest checkpoint yet.
std::unique_ptr<proof::Signer> BundleTest::SlowWitness() {
  auto slow = proof::Signer::Generate("FI/GOV/9999993-3/tarkastaja/audit/witness",
                                      proof::KeyUse::kCosignature);
  scene_.oulu.KeepAt(scene_.kela, *slow, Position(21), scene_.At(10), Position(21));
  scene_.oulu.KeepAt(scene_.kela, *slow, Position(22), scene_.At(30), Position(23));
  return slow;
}

TEST_F(BundleTest, TheEarliestWordOfAWitnessIsPutInWhereItCosignedAnotherSize) {
  BundleOptions options =
      scene_.Options(scene_.kela, {{scene_.kela.ReplicaOf(kOuluOrigin), Position(2)}});
  options.witnesses = {scene_.paja_witness->verifier()};
  const BundleReport report = Verify(Make(options));
  EXPECT_THAT(report.problems, IsEmpty()) << Text(report);
  ASSERT_THAT(report.logs, SizeIs(1));
  EXPECT_EQ(report.logs[0].checkpoint.size, Position(23));
  // The newest at the anchor; so its earlier one is not repeated.
  ASSERT_THAT(report.logs[0].cosigned, SizeIs(1));

  const auto slow = SlowWitness();
  options.witnesses = {slow->verifier(), scene_.paja_witness->verifier()};
  const BundleReport both = Verify(Make(options));
  EXPECT_THAT(both.problems, IsEmpty()) << Text(both);
  ASSERT_THAT(both.logs[0].cosigned, SizeIs(2));
  EXPECT_EQ(both.logs[0].cosigned[0].size, Position(21));  // the slow one's earliest that covers the entry
  EXPECT_EQ(both.logs[0].cosigned[0].time, scene_.At(10));
}

TEST_F(BundleTest, AQuorumCountsWitnessesOfOtherCheckpointsThatCoverTheEvents) {
  const auto slow = SlowWitness();
  BundleOptions options =
      scene_.Options(scene_.kela, {{scene_.kela.ReplicaOf(kOuluOrigin), Position(2)}});
  options.witnesses = {slow->verifier(), scene_.paja_witness->verifier()};
  const v1::Bundle bundle = Make(options);
  ASSERT_THAT(bundle.logs(0).cosigned(), SizeIs(1));
  EXPECT_THAT(bundle.policy(), HasSubstr("group witnesses 2"));
  EXPECT_TRUE(Verify(bundle).logs[0].quorum);
  v1::Bundle less = bundle;
  less.mutable_logs(0)->clear_cosigned();
  EXPECT_THAT(Names(Verify(less).problems), ElementsAre("cosignature"));
  // One that ends before the event says nothing of it.
  v1::Bundle later =
      Make(scene_.Options(scene_.kela, {{scene_.kela.ReplicaOf(kOuluOrigin), Position(2)},
                                        {scene_.kela.ReplicaOf(kOuluOrigin), Position(22)}}));
  *later.mutable_logs(0)->add_cosigned() = bundle.logs(0).cosigned(0);
  const std::vector<proof::VerifierKey> witnesses = {slow->verifier(),
                                                     scene_.paja_witness->verifier()};
  later.set_policy(proof::Policy::Format({scene_.oulu.key()}, witnesses, 0));
  const auto checkpoint = proof::VerifyCheckpoint(later.logs(0).checkpoint(), scene_.oulu.key());
  ASSERT_OK(checkpoint);
  const auto strict =
      proof::Policy::Parse(proof::Policy::Format({scene_.oulu.key()}, witnesses, 2));
  ASSERT_OK(strict);
  later.mutable_logs(0)->set_checkpoint(scene_.oulu.NoteAt(Position(23)) +
                                        scene_.paja_witness->Cosign(*checkpoint, scene_.At(21)));
  const BundleReport report = Verify(later, &*strict);
  EXPECT_THAT(Names(report.problems), ElementsAre("cosignature")) << Text(report);
}

TEST_F(BundleTest, OfSeveralTimesThatAnAgencyCosignedAtTheEarliestCounts) {
  // A witness says it again: at each connection, and when nothing was added.
  scene_.oulu.KeepOwn(*scene_.kela_witness, Position(21), scene_.At(50));
  scene_.oulu.KeepOwn(*scene_.kela_witness, Position(23), scene_.At(51));
  BundleOptions options =
      scene_.Options(scene_.oulu, {{kOwnLog, Position(2)}, {kOwnLog, Position(20)}});
  options.known_to = kKela;
  for (const int minutes : {12, 30, 59}) {
    options.known_at = scene_.At(minutes);
    const BundleReport report = Verify(Make(options));
    EXPECT_THAT(report.problems, IsEmpty()) << minutes << "\n" << Text(report);
  }
}

TEST_F(BundleTest, NothingIsOpenedThatWasNotAskedFor) {
  BundleOptions options = scene_.OuluOptions();
  const v1::Bundle sealed = Make(options);
  EXPECT_TRUE(OpenedIn(sealed).empty());
  EXPECT_THAT(sealed.schemas(), IsEmpty());
  EXPECT_THAT(Verify(sealed).problems, IsEmpty());
  options.open = kServiceAndSocial;
  const v1::Bundle opened = Make(options);
  EXPECT_EQ(OpenedIn(opened), kServiceAndSocial);
  for (const auto& [bundle, service, social] :
       {std::tuple(&sealed, false, false), std::tuple(&opened, true, true)}) {
    const std::string bytes = bundle->SerializeAsString();
    EXPECT_EQ(bytes.find(kServiceText) != std::string::npos, service);
    EXPECT_EQ(bytes.find(kSocialText) != std::string::npos, social);
    EXPECT_EQ(bytes.find(kHealthText), std::string::npos);
  }
  // What the reader itself may not open stays sealed, whatever is asked.
  options.secret = [](const auto&, auto, const auto&) { return std::optional<std::string>(); };
  EXPECT_TRUE(OpenedIn(Make(options)).empty());
}

TEST_F(BundleTest, WhatCannotBeProvenIsRefused) {
  const LogNumber replica = scene_.kela.ReplicaOf(kOuluOrigin);
  BundleOptions withheld = scene_.Options(scene_.kela, {{replica, Position(21)}});
  EXPECT_THAT(MakeBundle(withheld), StatusIs(absl::StatusCode::kNotFound, HasSubstr("withheld")));
  BundleOptions beyond = scene_.Options(scene_.oulu, {{kOwnLog, Position(24)}});
  EXPECT_THAT(MakeBundle(beyond), StatusIs(absl::StatusCode::kOutOfRange));
  BundleOptions keyless = scene_.OuluOptions();
  keyless.keys.erase(kOuluOrigin);
  EXPECT_THAT(MakeBundle(keyless), StatusIs(absl::StatusCode::kFailedPrecondition));
  BundleOptions other_key = scene_.OuluOptions();
  other_key.keys.at(kOuluOrigin) =
      FixedSigner(kOuluOrigin, proof::KeyUse::kCheckpoint, 'x')->verifier();
  EXPECT_THAT(MakeBundle(other_key), StatusIs(absl::StatusCode::kDataLoss));
  BundleOptions other_case = scene_.Options(scene_.oulu, {{kOwnLog, Position(3)}});
  EXPECT_THAT(MakeBundle(other_case), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeBundle(scene_.Options(scene_.oulu, {})), StatusIs(absl::StatusCode::kNotFound));
  BundleOptions no_time = scene_.OuluOptions();
  no_time.known_to = kKela;
  EXPECT_THAT(MakeBundle(no_time), StatusIs(absl::StatusCode::kInvalidArgument));
  BundleOptions no_log = scene_.Options(scene_.oulu, {{LogNumber(9), Position(1)}});
  EXPECT_THAT(MakeBundle(no_log), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(BundleTest, WhatAnAgencyHadReceivedByThenIsWhatItsCosignatureCoversAndWasDisclosedToIt) {
  BundleOptions options = scene_.Options(scene_.oulu, {{kOwnLog, Position(2)},
                                                       {kOwnLog, Position(20)},
                                                       {kOwnLog, Position(21)},
                                                       {kOwnLog, Position(22)},
                                                       {kOwnLog, Position(23)}});
  options.known_to = kKela;
  options.open = kEverything;
  const auto positions = [](const v1::Bundle& bundle) {
    std::vector<uint64_t> found;
    for (const auto& event : bundle.logs(0).events()) found.push_back(event.position());
    return found;
  };
  options.known_at = scene_.At(9);
  EXPECT_THAT(MakeBundle(options), StatusIs(absl::StatusCode::kNotFound, HasSubstr(kKela)));
  options.known_at = scene_.At(10);
  const v1::Bundle then = Make(options);
  EXPECT_THAT(positions(then), ElementsAre(2, 20));
  EXPECT_EQ(then.known_to().agency(), kKela);
  const BundleReport report = Verify(then);
  EXPECT_THAT(report.problems, IsEmpty()) << Text(report);
  // Sections that were never its own are not shown as its knowledge.
  EXPECT_EQ(OpenedIn(then), kServiceAndSocial);
  EXPECT_EQ(report.sections, 3u);
  options.known_at = scene_.At(59);
  const v1::Bundle later = Make(options);
  EXPECT_THAT(positions(later), ElementsAre(2, 20, 22));
  EXPECT_THAT(Verify(later).problems, IsEmpty());
  // An agency that never cosigned is not shown to have received anything.
  options.known_to = "FI/GOV/0000000-0/muu";
  EXPECT_THAT(MakeBundle(options), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(BundleTest, AnAgencyKnewWhatItRecordedItself) {
  BundleOptions options = scene_.KelaOptions();
  options.known_to = kKela;
  options.known_at = scene_.At(15);
  const v1::Bundle before = Make(options);
  ASSERT_THAT(before.logs(), SizeIs(1));  // its own event was recorded at 20
  EXPECT_EQ(before.logs(0).origin(), kOuluOrigin);
  EXPECT_THAT(Verify(before).problems, IsEmpty());
  options.known_at = scene_.At(20);
  const v1::Bundle after = Make(options);
  EXPECT_THAT(after.logs(), SizeIs(2));
  EXPECT_THAT(Verify(after).problems, IsEmpty());
}

TEST_F(BundleTest, TheReadersOwnPolicyGoesBeforeThatOfTheBundle) {
  const v1::Bundle bundle = Make(scene_.OuluOptions());
  const auto policy = proof::Policy::Parse(scene_.Policy(2));
  ASSERT_OK(policy);
  const BundleReport good = Verify(bundle, &*policy);
  EXPECT_THAT(good.problems, IsEmpty()) << Text(good);
  EXPECT_TRUE(good.own_policy);

  // A forger signs a log of its own with its own key and says so in its own policy.
  const auto forger = FixedSigner(kOuluOrigin, proof::KeyUse::kCheckpoint, 'x');
  v1::Bundle forged = bundle;
  const auto checkpoint = proof::VerifyCheckpoint(bundle.logs(0).checkpoint(), scene_.oulu.key());
  ASSERT_OK(checkpoint);
  forged.mutable_logs(0)->set_checkpoint(forger->Sign(*checkpoint));
  forged.set_policy(proof::Policy::Format({forger->verifier()}, {}, 0));
  EXPECT_THAT(Verify(forged).problems, IsEmpty());  // it vouches for itself
  EXPECT_THAT(Names(Verify(forged, &*policy).problems), Contains("checkpoint"));

  const auto stranger =
      FixedSigner("FI/GOV/0246246-0/other/x/witness", proof::KeyUse::kCosignature, 's');
  const auto strict =
      proof::Policy::Parse(proof::Policy::Format({scene_.oulu.key()}, {stranger->verifier()}, 1));
  ASSERT_OK(strict);
  EXPECT_THAT(Names(Verify(bundle, &*strict).problems), ElementsAre("cosignature"));
  const auto without_log = proof::Policy::Parse(proof::Policy::Format({scene_.kela.key()}, {}, 0));
  ASSERT_OK(without_log);
  EXPECT_THAT(Names(Verify(bundle, &*without_log).problems), ElementsAre("checkpoint"));
}

TEST_F(BundleTest, AWitnessThatTheReaderDoesNotTrustCountsForNothing) {
  BundleOptions options = scene_.KelaOptions();
  options.known_to = kKela;
  options.known_at = scene_.At(20);
  const v1::Bundle bundle = Make(options);
  const auto policy = proof::Policy::Parse(proof::Policy::Format(
      {scene_.oulu.key(), scene_.kela.key()}, {scene_.paja_witness->verifier()}, 0));
  ASSERT_OK(policy);
  const BundleReport report = Verify(bundle, &*policy);
  EXPECT_THAT(Names(report.problems), ElementsAre("known-to", "known-to")) << Text(report);
}

TEST_F(BundleTest, EverythingThatIsWrongIsTold) {
  BundleOptions options = scene_.KelaOptions();
  options.open = kService;
  v1::Bundle bundle = Make(options);
  auto& oulu = *bundle.mutable_logs(1);
  oulu.mutable_events(0)->mutable_opened(0)->mutable_plaintext()->append("x");
  oulu.mutable_events(1)->mutable_inclusion(0)->at(3) ^= 1;
  bundle.mutable_logs(0)->mutable_events(0)->mutable_leaf()->at(20) ^= 1;  // its random part
  const BundleReport report = Verify(bundle);
  EXPECT_THAT(Names(report.problems), UnorderedElementsAre("section", "inclusion", "inclusion"))
      << Text(report);
  std::set<std::pair<std::string, uint64_t>> places;
  for (const auto& problem : report.problems) {
    places.emplace(problem.origin, problem.position.value_or(Position(99)).value());
  }
  EXPECT_THAT(places, UnorderedElementsAre(std::pair(kOuluOrigin, 2), std::pair(kOuluOrigin, 20),
                                           std::pair(kKelaOrigin, 2)));
}

TEST_F(BundleTest, AnOriginThatShowedAnAuthorAnotherEntryIsFoundByTheCause) {
  // The same origin key, another history: what Kela's entry calls its cause is not what stands
  // there.
  World other(kOuluOrigin, 'o');
  other.AddSchema(Need());
  for (int i = 0; i < 18; ++i) other.Add(NumberedCase(2), Need());
  referral::v1::NeedIdentified changed = Need();
  changed.set_identified_on("2025-02-02");
  other.Add(NumberedCase(1), changed);
  BundleOptions of_kela = scene_.Options(scene_.kela, {{kOwnLog, Position(2)}});
  v1::Bundle bundle = Make(of_kela);
  BundleOptions of_other = scene_.Options(other, {{kOwnLog, Position(20)}});
  of_other.made_by = kOuluOrigin;
  const v1::Bundle second = Make(of_other);
  *bundle.add_logs() = second.logs(0);
  bundle.set_policy(scene_.Policy(0));
  EXPECT_THAT(Names(Verify(bundle).problems), ElementsAre("cause"));
}

// ---- Every field, altered ----

struct Mutation {
  std::string field;  // "logs.events.leaf"
  std::string how;
  v1::Bundle bundle;
};

// Every scalar with each kind of change, and every list with an element gone, doubled or swapped.
void Mutate(const v1::Bundle& whole, v1::Bundle& scratch, google::protobuf::Message& part,
            const std::string& path, std::vector<Mutation>& out) {
  using google::protobuf::FieldDescriptor;
  const auto* type = part.GetDescriptor();
  const auto* reflection = part.GetReflection();
  const auto emit = [&](const FieldDescriptor& field, const std::string& how) {
    out.push_back({Str(path, path.empty() ? "" : ".", field.name()), how, scratch});
  };
  for (int f = 0; f < type->field_count(); ++f) {
    const FieldDescriptor& field = *type->field(f);
    const std::string name = Str(path, path.empty() ? "" : ".", field.name());
    const bool message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field.is_repeated()) {
      const int size = reflection->FieldSize(part, &field);
      const std::unique_ptr<google::protobuf::Message> before(part.New());
      before->CopyFrom(part);
      for (int i = 0; i < size; ++i) {
        for (int j = i; j + 1 < size; ++j) reflection->SwapElements(&part, &field, j, j + 1);
        reflection->RemoveLast(&part, &field);
        emit(field, "gone");
        part.CopyFrom(*before);
        if (message) {
          const auto& element = reflection->GetRepeatedMessage(*before, &field, i);
          reflection->AddMessage(&part, &field)->CopyFrom(element);
        } else {
          reflection->AddString(&part, &field, reflection->GetRepeatedString(*before, &field, i));
        }
        emit(field, "doubled");
        part.CopyFrom(*before);
        if (i + 1 < size) {
          reflection->SwapElements(&part, &field, i, i + 1);
          emit(field, "swapped");
          part.CopyFrom(*before);
        }
        if (message) {
          Mutate(whole, scratch, *reflection->MutableRepeatedMessage(&part, &field, i), name, out);
        } else {
          std::string bytes = reflection->GetRepeatedString(part, &field, i);
          bytes[bytes.size() / 2] ^= 1;
          reflection->SetRepeatedString(&part, &field, i, bytes);
          emit(field, "a bit");
          reflection->SetRepeatedString(&part, &field, i, bytes.substr(1));
          emit(field, "short");
          part.CopyFrom(*before);
        }
      }
      continue;
    }
    if (message) {
      if (reflection->HasField(part, &field)) {
        Mutate(whole, scratch, *reflection->MutableMessage(&part, &field), name, out);
      }
      continue;
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      const std::string before = reflection->GetString(part, &field);
      const auto set = [&](std::string value, const std::string& how) {
        if (value == before) return;
        reflection->SetString(&part, &field, std::move(value));
        emit(field, how);
      };
      for (size_t at = 0; at < before.size(); at += std::max<size_t>(1, before.size() / 40)) {
        std::string value = before;
        value[at] ^= 1;
        set(value, Str("a bit of byte ", at));
      }
      set(before + "A", "longer");
      if (!before.empty()) set(before.substr(0, before.size() - 1), "shorter");
      set("", "empty");
      reflection->SetString(&part, &field, before);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      const uint64_t before = reflection->GetUInt64(part, &field);
      for (const uint64_t value : {before + 1, before - 1, uint64_t{0}, ~uint64_t{0}}) {
        reflection->SetUInt64(&part, &field, value);
        emit(field, std::to_string(value));
      }
      reflection->SetUInt64(&part, &field, before);
    } else {
      const uint32_t before = reflection->GetUInt32(part, &field);
      for (const uint32_t value : {before + 1, before - 1, before + 256, ~uint32_t{0}}) {
        reflection->SetUInt32(&part, &field, value);
        emit(field, std::to_string(value));
      }
      reflection->SetUInt32(&part, &field, before);
    }
  }
}

TEST_F(BundleTest, EveryFieldThatIsAlteredIsFoundWithItsReason) {
  BundleOptions options = scene_.KelaOptions();
  options.open = kEverything;
  options.known_to = kKela;
  options.known_at = scene_.At(20);
  // So that there is a cosigned checkpoint of another size too.
  scene_.oulu.KeepAt(scene_.kela, *scene_.kela_witness, Position(23), scene_.At(20), Position(23));
  BundleOptions early = options;
  const v1::Bundle bundle = [&] {
    scene_.kela.KeepOwn(*scene_.kela_witness, Position(2), scene_.At(18));
    // The word by then is of size 21; more agencies stand behind 23.
    early.known_at = scene_.At(20) - absl::Seconds(1);
    v1::Bundle made = Make(early);
    return made;
  }();
  ASSERT_THAT(bundle.logs(), SizeIs(1));
  ASSERT_THAT(bundle.logs(0).cosigned(), Not(IsEmpty()));
  ASSERT_THAT(Verify(bundle).problems, IsEmpty());
  BundleOptions plain = scene_.KelaOptions();
  plain.open = kEverything;
  const v1::Bundle two_logs = Make(plain);
  ASSERT_THAT(two_logs.logs(), SizeIs(2));

  // What each field's alteration may be told as. A field that is missing here is a test that is
  // missing.
  const std::map<std::string, std::set<std::string>> expected = {
      {"format", {"refused"}},
      {"made_by", {"bundle"}},
      {"made_at", {"bundle"}},
      {"case_id", {"bundle"}},
      {"policy", {"bundle", "checkpoint", "cosignature", "known-to"}},
      {"logs", {"bundle", "known-to", "schema"}},
      {"logs.origin", {"bundle", "checkpoint", "cosignature", "section", "known-to", "genesis"}},
      {"logs.checkpoint", {"checkpoint", "cosignature", "bundle", "inclusion", "known-to"}},
      {"logs.events", {"bundle", "order", "revision", "schema"}},
      {"logs.events.position",
       {"inclusion", "bundle", "revision", "genesis", "known-to", "cosignature"}},
      {"logs.events.leaf",
       {"inclusion", "malformed-entry", "order", "revision", "section", "schema", "known-to",
        "bundle", "genesis", "cause"}},
      {"logs.events.inclusion", {"inclusion"}},
      {"logs.events.opened", {"section"}},
      {"logs.events.opened.kind", {"section", "known-to"}},
      {"logs.events.opened.secret", {"section"}},
      {"logs.events.opened.plaintext", {"section"}},
      {"logs.cosigned", {"bundle", "known-to", "cosignature"}},
      {"logs.cosigned.checkpoint", {"checkpoint", "cosignature", "bundle", "known-to"}},
      {"logs.cosigned.consistency", {"cosignature", "known-to"}},
      {"schemas", {"schema"}},
      {"schemas.file_descriptor_set", {"schema"}},
      {"known_to.agency", {"known-to"}},
      {"known_to.at", {"known-to"}},
  };
  // What is not found, and why that is right.
  const auto allowed = [](const Mutation& mutation) {
    // Claims: a bundle says who made it and when, and nobody can check.
    if (mutation.field == "made_by" || mutation.field == "made_at") return true;
    // Choice: what was left out of a bundle is not seen.
    if (mutation.how == "gone" &&
        (mutation.field == "logs" || mutation.field == "logs.events" ||
         mutation.field == "logs.events.opened" || mutation.field == "logs.cosigned")) {
      return true;
    }
    if (mutation.field == "case_id") return mutation.how == "empty";
    // "By then" is true of any later time.
    if (mutation.field == "known_to.at") return true;
    // Comments, and names that only this policy uses.
    return mutation.field == "policy";
  };

  std::set<std::string> seen;
  size_t altered = 0;
  for (const v1::Bundle& base : {bundle, two_logs}) {
    v1::Bundle scratch = base;
    std::vector<Mutation> mutations;
    Mutate(base, scratch, scratch, "", mutations);
    ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(scratch, base));
    for (const Mutation& mutation : mutations) {
      SCOPED_TRACE(Str(mutation.field, ": ", mutation.how));
      ASSERT_TRUE(expected.contains(mutation.field));
      ++altered;
      const auto report = VerifyBundle(mutation.bundle, nullptr);
      if (!report.ok()) {
        EXPECT_TRUE(expected.at(mutation.field).contains("refused"));
        seen.insert(mutation.field);
        continue;
      }
      if (report->problems.empty()) {
        EXPECT_TRUE(allowed(mutation));
        continue;
      }
      seen.insert(mutation.field);
      for (const auto& problem : report->problems) {
        EXPECT_TRUE(expected.at(mutation.field).contains(std::string(ProblemName(problem.kind))))
            << Text(*report);
      }
    }
  }
  for (const auto& [field, kinds] : expected) EXPECT_TRUE(seen.contains(field)) << field;
  EXPECT_GT(altered, 900u);
}

TEST_F(BundleTest, APolicyThatIsAlteredIsNeverTakenForTheReaders) {
  const v1::Bundle bundle = Make(scene_.OuluOptions());
  const auto policy = proof::Policy::Parse(scene_.Policy(2));
  ASSERT_OK(policy);
  const auto other = FixedSigner(kOuluOrigin, proof::KeyUse::kCheckpoint, 'x');
  v1::Bundle altered = bundle;
  altered.set_policy(proof::Policy::Format(
      {other->verifier()}, {scene_.kela_witness->verifier(), scene_.paja_witness->verifier()}, 2));
  EXPECT_THAT(Names(Verify(altered, &*policy).problems), Contains("checkpoint"));
  altered.set_policy("nonsense\n");
  EXPECT_THAT(Names(Verify(altered, &*policy).problems), ElementsAre("bundle"));
}

// ---- The file ----

TEST_F(BundleTest, AFileThatTwoReadersCouldReadDifferentlyIsRefused) {
  const std::string good = FormatBundle(Make(scene_.OuluOptions()));
  ASSERT_OK(ParseBundle(good));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), std::string("null"), good + "{}",
        good.substr(0, good.size() - 3), with("\"made_by\"", "\"made_at\""),
        with("\"made_by\"", "\"made_whom\""), with("\"made_by\"", "\"madeBy\""),
        with("\"policy\": \"", "\"policy\": \"\x01"), with("polku/bundle/v1", "polku/bundle/v2"),
        with("\"position\": \"2\"", "\"position\": 2.0"),
        with("\"position\": \"2\"", "\"position\": null"),
        with("\"position\": \"2\"", "\"position\": \"2\", \"position\": \"3\""),
        with("\"position\": \"2\"", "\"position\": -1"), with("\"leaf\": \"", "\"leaf\": \"!"),
        with("\"logs\": [", "\"logs\": [[[[[[[[[[[[[[[[[["),
        with("\"logs\": [", "\"logs\": 7, \"x\": [")}) {
    EXPECT_THAT(ParseBundle(bad), StatusIs(absl::StatusCode::kInvalidArgument))
        << bad.substr(0, 400);
  }
  // Layout is nobody's business.
  std::string flat = good;
  std::erase(flat, '\n');
  const auto parsed = ParseBundle(flat);
  ASSERT_OK(parsed);
  EXPECT_THAT(Verify(*parsed).problems, IsEmpty());
}

TEST(JsonFormTest, WhatIsNoJsonIsRefusedEvenWhereALaxParserReadsIt) {
  const JsonLimits limits{.depth = 3, .objects = 9, .texts = 9};
  for (const std::string good : {R"({"a":"\"\\\/\b\f\n\r\t\u00e4\u00E4"})", R"({"a":"\ud83d\ude00"})"}) {
    EXPECT_OK(CheckJsonForm(good, limits)) << good;
  }
  for (const std::string bad :
       {R"({"a":"\k"})", R"({"a":"\u12"})", R"({"a":"\u12g4"})", R"({"a":"\u+123"})", R"({"a":"\ud83d"})",
        R"({"a":"\ude00"})", R"({"a":"\ud83d\u0041"})", R"({"a":"\"})", R"({"a":[[],1]})", R"({"a":[[1]]})"}) {
    EXPECT_THAT(CheckJsonForm(bad, limits), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(JsonFormTest, LimitsHold) {
  const JsonLimits limits{.depth = 3, .objects = 2, .texts = 4};
  EXPECT_OK(CheckJsonForm(R"({"a":{"b":"\""}})", limits));
  EXPECT_OK(CheckJsonForm(R"( {"a" : [ 1 , -2 , true ], "b" : [ ] } )", limits));
  for (const char* bad :
       {R"({"a":{"b":{}}})", R"({"a":[[[]]]})", R"({"a":["b","c","d","e"]})", R"({"a":1,"a":2})",
        R"({"a":01})", R"({"a":1e3})", R"({"a":"b)", R"({"a":"\)", R"({"a":1,})", R"({"a"})",
        R"({,})", R"({"a":nul})", R"({"":1})", R"({"A":1})", R"({"a":123456789012345678901})",
        "{\"a\":\"\n\"}"}) {
    EXPECT_THAT(CheckJsonForm(bad, limits), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST_F(BundleTest, DamagedFilesAreRefusedOrFoundAndNeverCrash) {
  BundleOptions options = scene_.KelaOptions();
  options.open = kService;
  const std::string good = FormatBundle(Make(options));
  const uint64_t seed = testing::TestSeed();
  testing::SeededGenerator random(seed);
  int refused = 0;
  int found = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string text = good;
    const uint64_t changes = 1 + random.Below(4);
    for (uint64_t c = 0; c < changes; ++c) {
      const size_t at = random.Below(text.size());
      switch (random.Below(3)) {
        case 0:
          text[at] = static_cast<char>(random.Below(256));
          break;
        case 1:
          text.erase(at, 1 + random.Below(20));
          break;
        default:
          text.insert(at, text.substr(random.Below(text.size()), random.Below(60)));
      }
    }
    const auto parsed = ParseBundle(text);
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    const auto report = VerifyBundle(*parsed, nullptr);
    ASSERT_OK(report);
    if (!report->problems.empty()) ++found;
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(found, 100);
}

// ---- Frozen ----

std::string ReadGolden(const std::string& name) {
  const char* source = std::getenv("POLKU_SOURCE_DIR");
  EXPECT_NE(source, nullptr);
  std::ifstream file(Str(source == nullptr ? "" : source, "/tests/evidence/golden/", name),
                     std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// POLKU_WRITE_GOLDEN=DIR writes them; a released file never changes.
TEST_F(BundleTest, FrozenBundlesVerifyForEver) {
  BundleOptions options = scene_.KelaOptions();
  options.open = kServiceAndSocial;
  BundleOptions known = options;
  known.known_to = kKela;
  known.known_at = scene_.At(20) - absl::Seconds(1);
  if (const char* directory = std::getenv("POLKU_WRITE_GOLDEN")) {
    std::ofstream(Str(directory, "/bundle.json"), std::ios::binary) << FormatBundle(Make(options));
    std::ofstream(Str(directory, "/bundle-known-to.json"), std::ios::binary)
        << FormatBundle(Make(known));
    std::ofstream(Str(directory, "/policy"), std::ios::binary) << scene_.Policy(1);
    GTEST_SKIP() << "written";
  }
  const auto policy = proof::Policy::Parse(ReadGolden("policy"));
  ASSERT_OK(policy);
  for (const auto& [name, logs, events, sections] :
       {std::tuple("bundle.json", 2, 3, 5), std::tuple("bundle-known-to.json", 1, 2, 3)}) {
    const auto bundle = ParseBundle(ReadGolden(name));
    ASSERT_OK(bundle) << name;
    for (const proof::Policy* trusted : {static_cast<const proof::Policy*>(nullptr), &*policy}) {
      const BundleReport report = Verify(*bundle, trusted);
      EXPECT_THAT(report.problems, IsEmpty()) << name << "\n" << Text(report);
      EXPECT_THAT(report.logs, SizeIs(static_cast<size_t>(logs)));
      EXPECT_EQ(report.events, static_cast<uint64_t>(events));
      EXPECT_EQ(report.sections, static_cast<uint64_t>(sections));
    }
  }
}

}  // namespace
}  // namespace polku::evidence
