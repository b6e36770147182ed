// The worked example of eventstore/rocksdb/FORMAT.md: every hex block there, rebuilt and compared.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/note.h"
#include "tests/log/log_fixture.h"

namespace polku::log {
namespace {

using testing::IsOk;

// Blocks of the form "```hex name" … "```", whitespace ignored.
std::map<std::string, std::string> HexBlocks() {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  std::ifstream in(std::string(root != nullptr ? root : ".") + "/eventstore/rocksdb/FORMAT.md");
  EXPECT_TRUE(in) << "run by ctest, or with POLKU_SOURCE_DIR set";
  std::map<std::string, std::string> blocks;
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind("```hex ", 0) != 0) continue;
    const std::string name = line.substr(7);
    std::string hex;
    while (std::getline(in, line) && line != "```") {
      std::erase_if(line, [](char c) { return c == ' '; });
      hex += line;
    }
    const auto bytes = FromHex(hex);
    EXPECT_TRUE(bytes.has_value()) << name;
    EXPECT_TRUE(blocks.emplace(name, bytes.value_or("")).second) << name << " twice";
  }
  return blocks;
}

// What the example says in words.
std::map<std::string, std::string> Example() {
  event::v1::Header header;
  const std::string event_id = *FromHex("0f0e0d0c0b0a49088706050403020100");
  const std::string case_id = *FromHex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
  header.set_event_id(event_id);
  header.set_type("polku.attendance.v1.DayRecorded");
  header.set_author_agency("FI/COM/2345678-9/paja");
  header.set_author_official("o-17");
  header.set_case_id(case_id);
  header.set_case_revision(4);
  header.set_recorded_at_us(1'741'000'000'000'000);
  header.set_order(1'741'000'000'000'001);
  auto* cause = header.add_causes();
  cause->set_origin("FI/MUN/0187690-1/oulu/referral/1");
  cause->set_position(12);
  cause->set_leaf_hash(std::string(Sha256("cause").view()));
  header.set_schema_hash(std::string(Sha256("schema").view()));
  auto* commitment = header.add_commitments();
  commitment->set_kind(event::v1::SECTION_KIND_SERVICE);
  commitment->set_commitment(std::string(Sha256("commitment").view()));
  auto* disclosure = header.add_disclosures();
  disclosure->set_receiver("FI/GOV/0245437-2/kela");
  disclosure->add_sections(event::v1::SECTION_KIND_SERVICE);
  disclosure->set_agreement_position(1);
  disclosure->set_number(3);

  std::map<std::string, std::string> example;
  std::string random;
  for (int i = 0; i < 32; ++i) random.push_back(static_cast<char>(i));
  example["header"] = header.SerializeAsString();
  example["leaf"] = MakeLeaf(random, example["header"]);
  const Hash leaf_hash = proof::LeafHash(example["leaf"]);
  example["leaf-hash"] = leaf_hash.view();

  GroupWriter writer;
  writer.AddLeaf(example["leaf"]);
  writer.AddBlob(SectionKind::kService, std::string(72, '\x57'), "sealed");
  writer.AddWithheld({0, proof::LeafHash("withheld")});
  GroupWriter::Encoded group = std::move(writer).Finish();
  example["entries"] = group.entries;
  example["blobs"] = group.blobs;

  LogHead head;
  head.origin = "FI/MUN/0187690-1/oulu/attendance/1";
  for (int i = 0; i < 6; ++i) {
    head.frontier.AppendLeafHash(proof::LeafHash(std::string(1, static_cast<char>('0' + i))));
  }
  head.frontier.AppendLeafHash(leaf_hash);
  head.frontier.AppendLeafHash(proof::LeafHash("withheld"));
  head.last_order = Order(header.order());
  head.disclosure_number = 3;
  example["head"] = head.Serialize();

  const LogNumber log(2);
  std::string key;
  AppendBigEndian32(key, 2);
  AppendBigEndian64(key, 6);
  example["entries-key"] = key;
  example["case-index-key"] = CaseIndexKey(*CaseId::FromBytes(case_id), log, Position(6));
  example["case-index-value"] = CaseIndexValue(Order(header.order()), Revision(4));
  example["event-index-key"] = EventIndexKey(*EventId::FromBytes(event_id), header.author_agency());
  example["event-index-value"] = EventIndexValue(Position(6), Revision(4));
  example["timer-index-key"] =
      TimerIndexKey(absl::CivilDay(2025, 3, 3), *CaseId::FromBytes(case_id));
  example["earlier-epoch-event-index-value"] = EventIndexValue(Position(6), Revision(4), log);
  SectionSet opened;
  opened.add(SectionKind::kService);
  opened.add(SectionKind::kHealth);
  example["control-index-key"] = ControlIndexKey(log, Position(6));
  example["control-index-value"] = kErasedType;
  example["wanted-index-key"] = WantedIndexKey(log, Position(7));
  example["wanted-index-value"] = WantedIndexValue(opened);
  example["hole-index-key"] = HoleIndexKey(log, Position(6));
  example["hole-index-value"] = HoleIndexValue(Position(2), 2);
  example["node-index-key"] = NodeIndexKey(log, 8, 1);
  example["node-index-value"] = Sha256("node").view();

  KeptCosignature kept;
  kept.witness = "FI/MUN/0187690-1/oulu/referral/witness";
  kept.time = absl::FromUnixSeconds(1'741'000'060);
  kept.size = Position(8);
  kept.root = head.frontier.Root();
  const proof::VerifierKey witness(kept.witness, *proof::Ed25519Public::FromBytes(std::string(32, '\x11')),
                                   proof::KeyUse::kCosignature);
  std::string signature;
  AppendBigEndian64(signature, 1'741'000'060);
  signature.append(64, '\x22');
  kept.line = proof::FormatSignatureLine({kept.witness, witness.key_id(), signature});
  kept.proven_to = Position(9);
  kept.consistency = {Sha256("proof")};
  const auto engine = MakeMemoryEngine();
  EXPECT_THAT(KeepCosignatures(*engine, log, {kept}), IsOk());
  EXPECT_THAT(KeepFork(*engine, head.origin, absl::FromUnixSeconds(1'741'000'061), "pair"), IsOk());
  const auto records = engine->RecordScan("");
  const auto cosignature = records->Next();
  const auto fork = records->Next();
  EXPECT_TRUE(cosignature.ok() && *cosignature && fork.ok() && *fork);
  example["cosignature-record-key"] = (*cosignature)->first;
  example["cosignature-record-value"] = (*cosignature)->second;
  example["fork-record-key"] = (*fork)->first;
  return example;
}

TEST(Format, TheWorkedExampleOfFormatMdIsWhatTheCodeWrites) {
  const std::map<std::string, std::string> blocks = HexBlocks();
  const std::map<std::string, std::string> example = Example();
  for (const auto& [name, bytes] : example) {
    const auto block = blocks.find(name);
    if (block == blocks.end()) {
      ADD_FAILURE() << "FORMAT.md lacks ```hex " << name << "\n" << ToHex(bytes);
      continue;
    }
    EXPECT_EQ(ToHex(block->second), ToHex(bytes)) << name;
  }
  for (const auto& [name, bytes] : blocks) EXPECT_EQ(example.count(name), 1u) << name;
}

TEST(Format, TheWorkedExampleOfFormatMdIsReadBack) {
  std::map<std::string, std::string> blocks = HexBlocks();
  event::v1::Header header;
  ASSERT_THAT(ParseHeader(blocks["leaf"], header), IsOk());
  EXPECT_EQ(header.case_revision(), 4u);
  EXPECT_EQ(proof::LeafHash(blocks["leaf"]).view(), blocks["leaf-hash"]);
  ASSERT_OK_AND_ASSIGN(const GroupView group, GroupView::Parse(blocks["entries"], blocks["blobs"]));
  EXPECT_EQ(group.count(), 2u);
  EXPECT_EQ(group.items()[0].leaf, blocks["leaf"]);
  EXPECT_EQ(group.BlobsAt(0).at(0).blob, "sealed");
  ASSERT_OK_AND_ASSIGN(const LogHead head, LogHead::Parse(blocks["head"]));
  EXPECT_EQ(head.frontier.size(), Position(8));
  absl::CivilDay day;
  CaseId case_id;
  ASSERT_TRUE(ParseTimerIndexKey(blocks["timer-index-key"], day, case_id));
  EXPECT_EQ(day, absl::CivilDay(2025, 3, 3));
  Position position;
  Revision revision;
  LogNumber log;
  ASSERT_TRUE(ParseEventIndexValue(blocks["event-index-value"], position, revision, log));
  EXPECT_EQ(log, kOwnLog);
  ASSERT_TRUE(
      ParseEventIndexValue(blocks["earlier-epoch-event-index-value"], position, revision, log));
  EXPECT_EQ(position, Position(6));
  EXPECT_EQ(revision, Revision(4));
  EXPECT_EQ(log, LogNumber(2));
  const auto engine = MakeMemoryEngine();
  const std::vector<KeyValue> records = {
      {blocks["cosignature-record-key"], blocks["cosignature-record-value"]},
      {blocks["fork-record-key"], "pair"}};
  ASSERT_THAT(engine->WriteRecords(records, false), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto cosignatures, NewestCosignatures(*engine, log));
  ASSERT_EQ(cosignatures.size(), 1u);
  EXPECT_EQ(cosignatures[0].root, head.frontier.Root());
  EXPECT_EQ(cosignatures[0].proven_to, Position(9));
  ASSERT_OK_AND_ASSIGN(const auto forks, AllForks(*engine));
  ASSERT_EQ(forks.size(), 1u);
  EXPECT_EQ(forks[0].origin, head.origin);
  EXPECT_EQ(forks[0].found_at, absl::FromUnixSeconds(1'741'000'061));
}

TEST(Format, KeysAndValuesOfWhatIsWantedAndMissingAreReadOnlyWhenWhole) {
  std::map<std::string, std::string> blocks = HexBlocks();
  for (const char* key : {"control-index-key", "wanted-index-key", "hole-index-key"}) {
    ASSERT_TRUE(ParseLogIndexKey(blocks[key]).has_value()) << key;
    EXPECT_EQ(blocks[key].substr(0, 5), LogIndexPrefix(blocks[key][0], LogNumber(2)));
    EXPECT_FALSE(ParseLogIndexKey(blocks[key] + "x").has_value());
    EXPECT_FALSE(ParseLogIndexKey(blocks[key].substr(1)).has_value());
  }
  EXPECT_EQ(*ParseLogIndexKey(blocks["wanted-index-key"]), Position(7));
  SectionSet sections;
  ASSERT_TRUE(ParseWantedIndexValue(blocks["wanted-index-value"], sections));
  EXPECT_TRUE(sections.has(SectionKind::kService) && sections.has(SectionKind::kHealth));
  EXPECT_FALSE(sections.has(SectionKind::kIdentity));
  EXPECT_FALSE(ParseWantedIndexValue("", sections));
  EXPECT_FALSE(ParseWantedIndexValue("ab", sections));
  Position after;
  uint64_t missing = 0;
  const std::string& hole = blocks["hole-index-value"];
  ASSERT_TRUE(ParseHoleIndexValue(hole, after, missing));
  EXPECT_EQ(after, Position(2));
  EXPECT_EQ(missing, 2u);
  EXPECT_FALSE(ParseHoleIndexValue(hole.substr(1), after, missing));
  EXPECT_FALSE(ParseHoleIndexValue(hole + "x", after, missing));
  EXPECT_FALSE(ParseHoleIndexValue(HoleIndexValue(Position(2), 0), after, missing))
      << "a hole of nothing";
}

TEST(Format, AnEventIndexValueIsReadOnlyWhenWhole) {
  Position position;
  Revision revision;
  LogNumber log;
  const std::string value = EventIndexValue(Position(6), Revision(300), LogNumber(2));
  EXPECT_TRUE(ParseEventIndexValue(value, position, revision, log));
  for (const size_t size : {0, 7, 8, 9, 11, 13}) {
    EXPECT_FALSE(ParseEventIndexValue(value.substr(0, size), position, revision, log)) << size;
  }
  EXPECT_FALSE(ParseEventIndexValue(value + "x", position, revision, log));
  EXPECT_FALSE(ParseEventIndexValue(value.substr(0, 10) + std::string(4, '\0'), position, revision,
                                    log))
      << "the own log is never written out";
}

TEST(Format, ATimerKeyIsReadOnlyWhenWhole) {
  const std::string key = TimerIndexKey(absl::CivilDay(2025, 3, 3), TestCase(1));
  absl::CivilDay day;
  CaseId case_id;
  EXPECT_FALSE(ParseTimerIndexKey(key.substr(1), day, case_id));
  EXPECT_FALSE(ParseTimerIndexKey(key + "x", day, case_id));
  EXPECT_FALSE(ParseTimerIndexKey("u" + key.substr(1), day, case_id));
  EXPECT_LT(TimerIndexKey(absl::CivilDay(1969, 12, 31), TestCase(1)), key);
}

}  // namespace
}  // namespace polku::log
