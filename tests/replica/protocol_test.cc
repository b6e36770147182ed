// Reads the worked examples out of PROTOCOL.md and checks every one, the way a stranger would who
// writes a peer from that page.
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <variant>

#include "eventstore/replica/witness_book.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/origin.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::IsOkAndHolds;

// The fenced blocks of PROTOCOL.md by the words after their fence.
std::map<std::string, std::string> Blocks() {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  std::ifstream file(Str(root == nullptr ? "." : root, "/eventstore/replica/PROTOCOL.md"));
  EXPECT_TRUE(file.good()) << "set POLKU_SOURCE_DIR to the repository";
  std::map<std::string, std::string> blocks;
  std::string line;
  std::string name;
  while (std::getline(file, line)) {
    if (line.starts_with("```")) {
      name = name.empty() ? line.substr(3) : "";
    } else if (!name.empty()) {
      blocks[name] += line + "\n";
    }
  }
  return blocks;
}

std::string Bytes(const std::string& hex) {
  std::string digits;
  for (const char c : hex) {
    if (c != ' ' && c != '\n') digits.push_back(c);
  }
  const std::optional<std::string> bytes = FromHex(digits);
  EXPECT_TRUE(bytes.has_value()) << hex;
  return bytes.value_or("");
}

std::string HexLines(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 48) text += ToHex(bytes.substr(i, 48)) + "\n";
  return text;
}

constexpr std::string_view kPlaintext(
    "\x12\x0a"
    "2025-03-03");
const vault::SectionSecret& ExampleSecret() {
  static const auto* s = new vault::SectionSecret(std::string(32, '\x5e'));
  return *s;
}

// The example as this code makes it, from fixed inputs.
struct Example {
  std::string vkey;
  std::string pull;
  std::string envelope;
  std::string note;
  std::string entries;
  std::string blobs;
  std::string witness_vkey;
  std::string cosign;
  std::string heartbeat;
  std::string fetch;
  std::string fill;
  std::string fill_entries;
  std::string fill_blobs;
};

Example MakeExample() {
  const auto signer = SignerFromSeed(kOrigin, 0x01);
  const auto header = [](char id, const std::string& type, uint64_t order) {
    event::v1::Header result;
    result.set_event_id(std::string(16, id));
    result.set_type(type);
    result.set_author_agency("FI/MUN/0187690-1/oulu");
    result.set_recorded_at_us(1'741'000'000'000'000);
    result.set_order(order);
    return result;
  };
  event::v1::Genesis genesis;
  genesis.set_format(1);
  genesis.set_origin(kOrigin);
  genesis.set_signing_key(std::string(signer->verifier().key().view()));
  genesis.set_curve_key(std::string(32, 'c'));
  event::v1::Header first = header(0x10, "polku.event.v1.Genesis", 1'741'000'000'000'000);
  first.set_control(genesis.SerializeAsString());

  event::v1::Header second = header(0x11, "polku.attendance.v1.DayRecorded", 1'741'000'000'000'001);
  second.set_case_id(std::string(16, 0x22));
  second.set_case_revision(1);
  const Hash commitment =
      vault::CommitSection(ExampleSecret(), kOrigin, *EventId::FromBytes(second.event_id()),
                           SectionKind::kService, kPlaintext);
  second.add_commitments()->set_kind(event::v1::SECTION_KIND_SERVICE);
  second.mutable_commitments(0)->set_commitment(std::string(commitment.view()));
  auto* disclosure = second.add_disclosures();
  disclosure->set_receiver(kKela);
  disclosure->add_sections(event::v1::SECTION_KIND_SERVICE);
  disclosure->set_number(1);

  log::GroupWriter writer;
  log::GroupWriter fill_writer;
  std::vector<std::string> leaves;
  proof::Frontier frontier;
  for (const auto& [leaf_header, fill] : {std::pair(&first, '\x30'), std::pair(&second, '\x31')}) {
    const std::string leaf = log::MakeLeaf(std::string(32, fill), leaf_header->SerializeAsString());
    leaves.push_back(leaf);
    writer.AddLeaf(leaf);
    frontier.AppendLeafHash(proof::LeafHash(leaf));
  }
  writer.AddBlob(SectionKind::kService, ExampleSecret().secret_bytes(),
                 vault::SealSection(ExampleSecret(), commitment, kPlaintext));
  const proof::Subtree withheld{
      1, proof::NodeHash(proof::LeafHash("third"), proof::LeafHash("fourth"))};
  writer.AddWithheld(withheld);
  EXPECT_THAT(frontier.AppendSubtree(withheld), IsOk());

  Example example;
  example.vkey = signer->verifier().Format() + "\n";
  exchange::v1::Envelope pull;
  pull.set_protocol(1);
  pull.mutable_pull()->set_origin(kOrigin);
  pull.mutable_pull()->set_session(0x0102030405060708);
  pull.mutable_pull()->set_credit_bytes(8 << 20);
  example.pull = pull.SerializeAsString();
  exchange::v1::Envelope envelope;
  envelope.set_protocol(1);
  envelope.mutable_batch()->set_origin(kOrigin);
  envelope.mutable_batch()->set_session(0x0102030405060708);
  envelope.mutable_batch()->set_count(4);
  example.note = signer->Sign({kOrigin, frontier.size(), frontier.Root()});
  envelope.mutable_batch()->set_checkpoint(example.note);
  example.envelope = envelope.SerializeAsString();
  log::GroupWriter::Encoded encoded = std::move(writer).Finish();
  example.entries = encoded.entries;
  example.blobs = encoded.blobs;

  const auto cosigner =
      SignerFromSeed(Str(kKela, "/benefits/witness"), 0x02, proof::KeyUse::kCosignature);
  example.witness_vkey = cosigner->verifier().Format() + "\n";
  const proof::Checkpoint checkpoint{kOrigin, frontier.size(), frontier.Root()};
  const std::string cosigned =
      example.note + cosigner->Cosign(checkpoint, absl::FromUnixSeconds(1'741'000'002));
  exchange::v1::Envelope cosign;
  cosign.set_protocol(1);
  cosign.mutable_cosign()->set_origin(kOrigin);
  cosign.mutable_cosign()->set_checkpoint(cosigned);
  example.cosign = cosign.SerializeAsString();

  // One more entry, and the heartbeat after it: the proof from 4 entries to 5 is the fifth's hash.
  const Hash fifth = proof::LeafHash("fifth");
  frontier.AppendLeafHash(fifth);
  exchange::v1::Envelope heartbeat;
  heartbeat.set_protocol(1);
  heartbeat.mutable_heartbeat()->set_origin(kOrigin);
  heartbeat.mutable_heartbeat()->set_session(0x0102030405060708);
  heartbeat.mutable_heartbeat()->set_checkpoint(
      signer->Sign({kOrigin, frontier.size(), frontier.Root()}));
  auto* told = heartbeat.mutable_heartbeat()->add_cosigned();
  told->set_checkpoint(cosigned);
  told->add_consistency(std::string(fifth.view()));
  example.heartbeat = heartbeat.SerializeAsString();

  // The second entry is opened to the auditor by the sixth.
  exchange::v1::Envelope fetch;
  fetch.set_protocol(1);
  fetch.mutable_fetch()->set_origin(kOrigin);
  fetch.mutable_fetch()->add_positions(1);
  example.fetch = fetch.SerializeAsString();
  exchange::v1::Envelope fill;
  fill.set_protocol(1);
  fill.mutable_fill()->set_origin(kOrigin);
  fill.mutable_fill()->set_position(1);
  fill.mutable_fill()->add_siblings(std::string(proof::LeafHash(leaves[0]).view()));
  fill.mutable_fill()->add_siblings(std::string(withheld.hash.view()));
  example.fill = fill.SerializeAsString();
  fill_writer.AddLeaf(leaves[1]);
  fill_writer.AddBlob(SectionKind::kService, ExampleSecret().secret_bytes(),
                      vault::SealSection(ExampleSecret(), commitment, kPlaintext));
  encoded = std::move(fill_writer).Finish();
  example.fill_entries = encoded.entries;
  example.fill_blobs = encoded.blobs;
  return example;
}

TEST(ProtocolTest, TheExamplesAreWhatThisCodeSends) {
  const Example example = MakeExample();
  auto blocks = Blocks();
  EXPECT_EQ(blocks["vkey"], example.vkey);
  EXPECT_EQ(blocks["note"], example.note);
  EXPECT_EQ(blocks["hex pull"], HexLines(example.pull));
  EXPECT_EQ(blocks["hex envelope"], HexLines(example.envelope));
  EXPECT_EQ(blocks["hex entries"], HexLines(example.entries));
  EXPECT_EQ(blocks["hex blobs"], HexLines(example.blobs));
  EXPECT_EQ(blocks["vkey witness"], example.witness_vkey);
  EXPECT_EQ(blocks["hex cosign"], HexLines(example.cosign));
  EXPECT_EQ(blocks["hex heartbeat"], HexLines(example.heartbeat));
  EXPECT_EQ(blocks["hex fetch"], HexLines(example.fetch));
  EXPECT_EQ(blocks["hex fill"], HexLines(example.fill));
  EXPECT_EQ(blocks["hex fill entries"], HexLines(example.fill_entries));
  EXPECT_EQ(blocks["hex fill blobs"], HexLines(example.fill_blobs));
}

TEST(ProtocolTest, TheExampleFillLeadsToTheSignedRootAndItsSectionOpens) {
  auto blocks = Blocks();
  exchange::v1::Envelope fetch;
  ASSERT_TRUE(fetch.ParseFromString(Bytes(blocks["hex fetch"])));
  EXPECT_EQ(fetch.fetch().origin(), kOrigin);
  EXPECT_THAT(fetch.fetch().positions(), ::testing::ElementsAre(1u));
  exchange::v1::Envelope fill;
  ASSERT_TRUE(fill.ParseFromString(Bytes(blocks["hex fill"])));
  EXPECT_EQ(fill.fill().position(), 1u);
  EXPECT_FALSE(fill.fill().gone());
  const std::string entries = Bytes(blocks["hex fill entries"]);
  const std::string blobs = Bytes(blocks["hex fill blobs"]);
  auto group = log::GroupView::Parse(entries, blobs);
  ASSERT_THAT(group, IsOk());
  ASSERT_EQ(group->items().size(), 1u);
  // The largest complete aligned subtree that holds position 1 is here the tree of the first four.
  ASSERT_EQ(fill.fill().siblings_size(), 2);
  const Hash root = proof::NodeHash(
      proof::NodeHash(*Hash::FromBytes(fill.fill().siblings(0)),
                      proof::LeafHash(group->items()[0].leaf)),
      *Hash::FromBytes(fill.fill().siblings(1)));
  const auto claimed = ParseClaimed(blocks["note"]);
  ASSERT_THAT(claimed, IsOk());
  EXPECT_EQ(claimed->checkpoint.root, root);
  event::v1::Header header;
  ASSERT_THAT(log::ParseHeader(group->items()[0].leaf, header), IsOk());
  const auto sealed = group->BlobsAt(0);
  ASSERT_EQ(sealed.size(), 1u);
  EXPECT_THAT(vault::OpenSection(vault::SectionSecret(sealed[0].secret),
                                 *Hash::FromBytes(header.commitments(0).commitment()), kOrigin,
                                 *EventId::FromBytes(header.event_id()), sealed[0].kind,
                                 sealed[0].blob),
              IsOkAndHolds(kPlaintext));
}

TEST(ProtocolTest, TheExamplePullReadsAsThePageSays) {
  exchange::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(Bytes(Blocks()["hex pull"])));
  EXPECT_EQ(envelope.protocol(), 1u);
  ASSERT_TRUE(envelope.has_pull());
  EXPECT_EQ(envelope.pull().origin(), kOrigin);
  EXPECT_EQ(envelope.pull().session(), 0x0102030405060708u);
  EXPECT_EQ(envelope.pull().next_position(), 0u);
  EXPECT_EQ(envelope.pull().credit_bytes(), 8u << 20);
}

proof::VerifierKey KeyIn(std::map<std::string, std::string>& blocks, const std::string& name,
                         proof::KeyUse use) {
  std::string vkey = blocks[name];
  if (!vkey.empty()) vkey.pop_back();
  auto key = proof::VerifierKey::Parse(vkey, use);
  EXPECT_THAT(key, IsOk());
  return *key;
}

TEST(ProtocolTest, TheExampleCosignatureCountsForTheExampleBatch) {
  auto blocks = Blocks();
  exchange::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(Bytes(blocks["hex cosign"])));
  ASSERT_TRUE(envelope.has_cosign());
  EXPECT_EQ(envelope.cosign().checkpoint().substr(0, blocks["note"].size()), blocks["note"]);
  const auto witness = KeyIn(blocks, "vkey witness", proof::KeyUse::kCosignature);
  auto book = WitnessBook::Make({.origin = kOrigin,
                                 .own_agency = "FI/MUN/0187690-1/oulu",
                                 .own_keys = KeyIn(blocks, "vkey", proof::KeyUse::kCheckpoint),
                                 .witnesses = {{kKela, witness}},
                                 .prefix = {},
                                 .opened_at = {}},
                                {});
  const auto outcome = book->OnCosign(kKela, envelope.cosign(), Position(4), blocks["note"],
                                      absl::FromUnixSeconds(1'741'000'060));
  ASSERT_TRUE(outcome.keep.has_value()) << outcome.rejected;
  EXPECT_EQ(outcome.keep->time, absl::FromUnixSeconds(1'741'000'002));
  EXPECT_THAT(book->AgenciesCovering(Position(4)), ::testing::ElementsAre(kKela));
}

TEST(ProtocolTest, TheExampleHeartbeatProvesItsCosignature) {
  auto blocks = Blocks();
  exchange::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(Bytes(blocks["hex heartbeat"])));
  ASSERT_TRUE(envelope.has_heartbeat());
  const exchange::v1::Heartbeat& heartbeat = envelope.heartbeat();
  EXPECT_EQ(heartbeat.session(), 0x0102030405060708u);
  const auto key = KeyIn(blocks, "vkey", proof::KeyUse::kCheckpoint);
  const auto newest = proof::VerifyCheckpoint(heartbeat.checkpoint(), key);
  ASSERT_THAT(newest, IsOk());
  EXPECT_EQ(newest->size, Position(5));
  ASSERT_EQ(heartbeat.cosigned_size(), 1);
  const std::string& note = heartbeat.cosigned(0).checkpoint();
  const auto cosigned = proof::VerifyCheckpoint(note, key);
  ASSERT_THAT(cosigned, IsOk());
  EXPECT_THAT(
      proof::VerifyCosignature(note, KeyIn(blocks, "vkey witness", proof::KeyUse::kCosignature)),
      IsOkAndHolds(absl::FromUnixSeconds(1'741'000'002)));
  proof::MerkleProof proof;
  for (const auto& hash : heartbeat.cosigned(0).consistency()) {
    proof.push_back(*Hash::FromBytes(hash));
  }
  EXPECT_THAT(
      proof::VerifyConsistency(cosigned->size, newest->size, cosigned->root, newest->root, proof),
      IsOk());
}

TEST(ProtocolTest, TheExampleBatchVerifiesAndItsSectionOpens) {
  auto blocks = Blocks();
  const auto key = KeyIn(blocks, "vkey", proof::KeyUse::kCheckpoint);
  exchange::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(Bytes(blocks["hex envelope"])));
  ASSERT_TRUE(envelope.has_batch());
  EXPECT_EQ(envelope.batch().checkpoint(), blocks["note"]);

  // Randomness that yields the example's session.
  const RandomBytes session = [](uint8_t* out, size_t size) {
    const uint64_t value = 0x0102030405060708;
    ASSERT_EQ(size, sizeof value);
    memcpy(out, &value, size);
  };
  auto subscriber = Subscriber::Make({.origin = kOrigin, .own_agency = kKela, .origin_keys = key},
                                     {}, WrapWithOwnKey, session);
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  auto started = subscriber->Start(now, now);
  exchange::v1::Envelope pull;
  pull.set_protocol(1);
  *pull.mutable_pull() = std::get<SendPull>(started.at(0)).pull;
  EXPECT_EQ(pull.SerializeAsString(), Bytes(blocks["hex pull"]));

  auto out = subscriber->OnBatch(envelope.batch(), Bytes(blocks["hex entries"]),
                                 Bytes(blocks["hex blobs"]), now);
  ASSERT_EQ(out.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<StoreBatch>(out[0])) << std::get<RaiseAlarm>(out[0]).what;
  const log::VerifiedBatch& batch = std::get<StoreBatch>(out[0]).batch;
  EXPECT_EQ(batch.head.frontier.size(), Position(4));
  EXPECT_EQ(batch.head.disclosure_number, 1u);
  auto group = log::GroupView::Parse(batch.groups.at(0).entries, batch.groups.at(0).blobs);
  ASSERT_THAT(group, IsOk());
  ASSERT_EQ(group->items().size(), 3u);
  EXPECT_EQ(group->items()[2].withheld.level, 1);
  event::v1::Header header;
  ASSERT_THAT(log::ParseHeader(group->items()[1].leaf, header), IsOk());
  const auto blobs = group->BlobsAt(1);
  ASSERT_EQ(blobs.size(), 1u);
  const Hash commitment = *Hash::FromBytes(header.commitments(0).commitment());
  auto s = vault::UnwrapSecret(OwnKey(*CaseId::FromBytes(header.case_id()), SectionKind::kService),
                               commitment, blobs[0].secret);
  ASSERT_THAT(s, IsOk());
  EXPECT_EQ(s->secret_bytes(), ExampleSecret().secret_bytes());
  EXPECT_THAT(vault::OpenSection(*s, commitment, kOrigin, *EventId::FromBytes(header.event_id()),
                                 SectionKind::kService, blobs[0].blob),
              IsOkAndHolds(kPlaintext));
}

}  // namespace
}  // namespace polku::replica
