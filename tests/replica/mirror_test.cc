// Mirrors: what is sent to one, what it checks, and how a lost log comes back from it (PROTOCOL.md
// "Mirrors").
#include <functional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";

class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    origin_.AddGenesis();
    origin_.AddEvent({{kKela, {SectionKind::kPayment}}, {kOulu, {SectionKind::kService}}},
                     {{SectionKind::kService, "2025-03-03"}, {SectionKind::kPayment, "9.00"}});
    origin_.AddEvent({{kProvider, {}}}, {{SectionKind::kHealth, "ill"}});
    origin_.Commit();
    for (int i = 0; i < 300; ++i) {
      origin_.AddRandomEvent({kKela, kProvider, kOulu});
      if (i % 3 == 0) origin_.Commit();
    }
    origin_.Commit();
  }

  SubscriberOptions Options(std::string agency) const {
    SubscriberOptions options{.own_agency = std::move(agency),
                              .origin_keys = origin_.signer().verifier()};
    options.mirror = true;
    return options;
  }
  // What a mirror answers to the origin that lost its log.
  absl::StatusOr<BatchMessage> CutForOrigin(Follower& mirror, Position from,
                                            size_t max_bytes = 20'000) {
    return CutWhole(mirror.engine(), mirror.number(), kOrigin, kOulu, from, mirror.size(),
                    max_bytes, nullptr);
  }

  // The one alarm that a batch changed by `mutate` raises in a mirror.
  std::string AlarmAfter(const std::function<void(log::GroupWriter&, const log::GroupItem&,
                                                  const log::GroupView&)>& rewrite,
                         std::string agency = kKela) {
    Follower mirror(origin_, Options(std::move(agency)));
    BatchMessage message = origin_.Cut(kKela, 0, 4'000, /*mirror=*/true);
    auto view = log::GroupView::Parse(message.entries, message.blobs);
    EXPECT_THAT(view, IsOk());
    log::GroupWriter writer;
    for (const log::GroupItem& item : view->items()) rewrite(writer, item, *view);
    log::GroupWriter::Encoded encoded = std::move(writer).Finish();
    message.entries = std::move(encoded.entries);
    message.blobs = std::move(encoded.blobs);
    mirror.Deliver(std::move(message));
    EXPECT_EQ(mirror.size(), Position(0));
    EXPECT_THAT(mirror.alarms, SizeIs(1));
    return mirror.alarms.empty() ? "" : mirror.alarms[0];
  }
  static void CopyItem(log::GroupWriter& writer, const log::GroupItem& item,
                       const log::GroupView& view) {
    writer.AddLeaf(item.leaf);
    for (const log::BlobView& blob : view.BlobsAt(item.offset))
      writer.AddBlob(blob.kind, blob.secret, blob.blob);
  }

  TestOrigin origin_{41};
};

TEST_F(MirrorTest, AMirrorHoldsEverythingAndOpensWhatIsItsOwn) {
  Follower mirror(origin_, Options(kKela));
  EXPECT_TRUE(mirror.pulls.back().mirror());
  mirror.Follow(origin_);
  EXPECT_THAT(mirror.alarms, IsEmpty());
  ExpectWhole(origin_, kKela, mirror.engine(), mirror.number(), origin_.size());
  EXPECT_EQ(mirror.head().frontier, origin_.frontier());
}

TEST_F(MirrorTest, OnlySecretsOfWhatIsDisclosedToTheMirrorLeaveTheOrigin) {
  const auto& header = origin_.entries()[1].header;
  const BatchMessage message = origin_.Cut(kKela, 0, 1 << 20, /*mirror=*/true);
  const auto has = [&](SectionKind kind) {
    return message.blobs.find(origin_.SecretOf(header, kind).secret_bytes()) != std::string::npos;
  };
  EXPECT_TRUE(has(SectionKind::kPayment));
  EXPECT_FALSE(has(SectionKind::kService));
}

TEST_F(MirrorTest, AWholeLogComesBackFromAMirror) {
  Follower mirror(origin_, Options(kKela));
  mirror.Follow(origin_);
  Follower recovered(origin_, Options(kOulu));
  uint64_t next = 0;
  while (next < mirror.size().value()) {
    auto message = CutForOrigin(mirror, Position(next));
    ASSERT_THAT(message, IsOk());
    next += message->batch.count();
    recovered.Deliver(*std::move(message));
    ASSERT_THAT(recovered.alarms, IsEmpty());
  }
  EXPECT_EQ(recovered.size(), origin_.size());
  ExpectWhole(origin_, "nobody: all is sealed for the origin's own keys", recovered.engine(),
              recovered.number(), origin_.size());
  EXPECT_EQ(recovered.head().frontier, origin_.frontier());
}

TEST_F(MirrorTest, RunningNumbersOfTheOwnAgencyAreNotTheMirrorsToKeep) {
  // Recovery of a tail: the numbers before it are not known to the one that recovers.
  log::LogHead head;
  head.frontier = origin_.OldCopy(Position(3), 1)->frontier();
  head.last_order = Order(origin_.entries()[2].header.order());
  for (const bool own : {true, false}) {
    SubscriberOptions options = Options(own ? kOulu : kKela);
    options.origin = kOrigin;
    auto subscriber = Subscriber::Make(options, head, WrapWithOwnKey, testing::SeededRandom(1));
    const auto started = subscriber->Start(absl::UnixEpoch(), absl::UnixEpoch());
    Follower mirror(origin_, Options(kKela));
    mirror.Follow(origin_);
    auto message = CutForOrigin(mirror, Position(3), 1 << 20);
    ASSERT_THAT(message, IsOk());
    message->batch.set_session(std::get<SendPull>(started.at(0)).pull.session());
    const auto out =
        subscriber->OnBatch(message->batch, message->entries, message->blobs, absl::UnixEpoch());
    ASSERT_THAT(out, SizeIs(1));
    EXPECT_EQ(std::holds_alternative<StoreBatch>(out[0]), own);
  }
}

TEST_F(MirrorTest, AWithheldEntryIsAFault) {
  EXPECT_THAT(AlarmAfter([](auto& writer, const auto& item, const auto& view) {
                if (item.offset == 2) {
                  writer.AddWithheld({0, proof::LeafHash(item.leaf)});
                } else {
                  CopyItem(writer, item, view);
                }
              }),
              HasSubstr("position 2 is withheld from a mirror"));
}

TEST_F(MirrorTest, ASectionThatIsOursWithoutItsSecretIsAFault) {
  EXPECT_THAT(AlarmAfter([](auto& writer, const auto& item, const auto& view) {
                writer.AddLeaf(item.leaf);
                for (const log::BlobView& blob : view.BlobsAt(item.offset))
                  writer.AddBlob(blob.kind, "", blob.blob);
              }),
              HasSubstr("section 5 comes without its secret"));
}

TEST_F(MirrorTest, ASecretThatIsNotOursIsAFault) {
  EXPECT_THAT(AlarmAfter([](auto& writer, const auto& item, const auto& view) {
                writer.AddLeaf(item.leaf);
                for (const log::BlobView& blob : view.BlobsAt(item.offset))
                  writer.AddBlob(blob.kind, std::string(32, 's'), blob.blob);
              }),
              HasSubstr("section 1 is not disclosed to us"));
}

TEST_F(MirrorTest, ASealedSectionWithoutACommitmentIsAFault) {
  EXPECT_THAT(AlarmAfter([](auto& writer, const auto& item, const auto& view) {
                writer.AddLeaf(item.leaf);
                if (item.offset == 0) writer.AddBlob(SectionKind::kSocial, "", "sealed");
                for (const log::BlobView& blob : view.BlobsAt(item.offset))
                  writer.AddBlob(blob.kind, blob.secret, blob.blob);
              }),
              HasSubstr("section 3 has no commitment"));
}

TEST_F(MirrorTest, AReplicaThatHasBeenNoMirrorCannotServeAsOne) {
  SubscriberOptions options = Options(kProvider);
  options.mirror = false;
  Follower replica(origin_, options);
  replica.Follow(origin_);
  // Position 0 is for everybody; what is withheld here is not made up.
  EXPECT_THAT(CutForOrigin(replica, Position(1)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is not held here")));
}

TEST_F(MirrorTest, PartsAndCheckpointsAreAsInAnyCut) {
  TestOrigin large(42);
  large.AddGenesis();
  large.Commit();
  for (int i = 0; i < 600; ++i) large.AddRandomEvent({kKela});
  large.Commit();
  uint64_t next = 1;
  while (next < 601) {
    const BatchMessage part = large.Cut(kAuditor, next, 1 << 20, /*mirror=*/true);
    ASSERT_GT(part.batch.count(), 0u);
    ASSERT_LE(part.batch.count(), log::kMaxGroupEntries);
    next += part.batch.count();
    EXPECT_EQ(part.batch.checkpoint().empty(), next < 601);
  }
}

}  // namespace
}  // namespace polku::replica
