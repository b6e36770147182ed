// Reads the worked examples out of PROTOCOL.md and checks every one, the way a stranger would who
// writes a peer from that page.
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <variant>

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
  proof::Frontier frontier;
  for (const auto& [leaf_header, fill] : {std::pair(&first, '\x30'), std::pair(&second, '\x31')}) {
    const std::string leaf = log::MakeLeaf(std::string(32, fill), leaf_header->SerializeAsString());
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

TEST(ProtocolTest, TheExampleBatchVerifiesAndItsSectionOpens) {
  auto blocks = Blocks();
  std::string vkey = blocks["vkey"];
  ASSERT_FALSE(vkey.empty());
  vkey.pop_back();
  auto key = proof::VerifierKey::Parse(vkey, proof::KeyUse::kCheckpoint);
  ASSERT_THAT(key, IsOk());
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
  auto subscriber = Subscriber::Make({.origin = kOrigin, .own_agency = kKela, .origin_key = *key},
                                     {}, WrapWithOwnKey, session);
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  auto started = subscriber->Start(now);
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
