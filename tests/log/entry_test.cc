#include "eventstore/log/entry.h"

#include "google/protobuf/stubs/logging.h"
#include "tests/log/log_fixture.h"

namespace polku::log {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

event::v1::Header GoodHeader() {
  event::v1::Header header;
  header.set_event_id(std::string(16, 'e'));
  header.set_type("polku.attendance.v1.DayRecorded");
  header.set_author_agency(std::string(kTestAgency));
  header.set_case_id(std::string(16, 'c'));
  header.set_case_revision(1);
  header.set_order(1);
  header.set_schema_hash(std::string(32, 's'));
  for (const int kind : {1, 4}) {
    auto* commitment = header.add_commitments();
    commitment->set_kind(static_cast<event::v1::SectionKind>(kind));
    commitment->set_commitment(std::string(32, 'C'));
  }
  for (const char* receiver : {"FI/COM/1/a", "FI/COM/1/b"}) {
    auto* disclosure = header.add_disclosures();
    disclosure->set_receiver(receiver);
    disclosure->set_number(1);
    disclosure->add_sections(event::v1::SECTION_KIND_SERVICE);
    disclosure->add_sections(event::v1::SECTION_KIND_HEALTH);
  }
  auto* cause = header.add_causes();
  cause->set_origin("o");
  cause->set_leaf_hash(std::string(32, 'h'));
  return header;
}

absl::Status Check(const event::v1::Header& header) {
  event::v1::Header parsed;
  return ParseHeader(MakeLeaf(std::string(32, 'r'), header.SerializeAsString()), parsed);
}

TEST(Leaf, IsPrefixRandomAndHeader) {
  const std::string leaf = MakeLeaf(std::string(32, 'r'), "header");
  EXPECT_EQ(leaf, std::string("polku/leaf/v1\0", 14) + std::string(32, 'r') + "header");
  EXPECT_THAT(HeaderBytes(leaf), IsOkAndHolds(std::string_view("header")));
}

TEST(Leaf, WithAnotherPrefixOrOutOfBoundsIsRefused) {
  const std::string leaf = MakeLeaf(std::string(32, 'r'), "header");
  for (size_t i = 0; i < kLeafPrefix.size(); ++i) {
    std::string other = leaf;
    other[i] ^= 1;
    EXPECT_THAT(HeaderBytes(other), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
  for (size_t size = 0; size < kLeafPrefix.size() + kLeafRandomBytes; ++size) {
    EXPECT_THAT(HeaderBytes(leaf.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
  const size_t room = kMaxLeafBytes - kLeafPrefix.size() - kLeafRandomBytes;
  EXPECT_THAT(HeaderBytes(MakeLeaf(std::string(32, 'r'), std::string(room, 'h'))), IsOk());
  EXPECT_THAT(HeaderBytes(MakeLeaf(std::string(32, 'r'), std::string(room + 1, 'h'))),
              StatusIs(absl::StatusCode::kDataLoss));
}

// Opens the entries 3, its header alone, and 7 with two sections.
event::v1::Header GoodDisclosed() {
  event::v1::Header header = GoodHeader();
  header.set_type(std::string(kDisclosedType));
  auto& later = *header.mutable_later();
  later.set_receiver("FI/COM/1/b");
  later.add_entries()->set_position(3);
  auto* entry = later.add_entries();
  entry->set_position(7);
  entry->add_sections(event::v1::SECTION_KIND_SERVICE);
  entry->add_sections(event::v1::SECTION_KIND_HEALTH);
  return header;
}

TEST(Header, AGoodOneIsTaken) {
  EXPECT_THAT(Check(GoodHeader()), IsOk());
  event::v1::Header control = GoodHeader();
  control.clear_case_id();
  control.clear_case_revision();
  control.clear_commitments();
  control.clear_schema_hash();
  control.set_control("x");
  EXPECT_THAT(Check(control), IsOk());
  EXPECT_THAT(Check(GoodDisclosed()), IsOk());
  event::v1::Header correcting = GoodHeader();
  correcting.set_corrects(std::string(16, 'x'));
  EXPECT_THAT(Check(correcting), IsOk());
}

TEST(Header, EveryBrokenRuleIsDataLoss) {
  using Break = void (*)(event::v1::Header&);
  const std::vector<std::pair<const char*, Break>> breaks = {
      {"event id short", [](auto& h) { h.set_event_id("e"); }},
      {"event id long", [](auto& h) { h.set_event_id(std::string(17, 'e')); }},
      {"type empty", [](auto& h) { h.clear_type(); }},
      {"type long", [](auto& h) { h.set_type(std::string(256, 't')); }},
      {"author empty", [](auto& h) { h.clear_author_agency(); }},
      {"author long", [](auto& h) { h.set_author_agency(std::string(256, 't')); }},
      {"official long", [](auto& h) { h.set_author_official(std::string(256, 't')); }},
      {"no case", [](auto& h) { h.clear_case_id(); }},
      {"case short", [](auto& h) { h.set_case_id("c"); }},
      {"revision 0", [](auto& h) { h.clear_case_revision(); }},
      {"control and case", [](auto& h) { h.set_control("x"); }},
      {"control with revision",
       [](auto& h) {
         h.clear_case_id();
         h.clear_commitments();
         h.set_control("x");
       }},
      {"control with sections",
       [](auto& h) {
         h.clear_case_id();
         h.clear_case_revision();
         h.set_control("x");
       }},
      {"order 0", [](auto& h) { h.clear_order(); }},
      {"order beyond 63 bits", [](auto& h) { h.set_order(uint64_t{1} << 63); }},
      {"schema hash short", [](auto& h) { h.set_schema_hash("s"); }},
      {"cause without origin", [](auto& h) { h.mutable_causes(0)->clear_origin(); }},
      {"cause without hash", [](auto& h) { h.mutable_causes(0)->clear_leaf_hash(); }},
      {"commitment kind 0", [](auto& h) { h.mutable_commitments(0)->clear_kind(); }},
      {"commitment kind 256",
       [](auto& h) {
         h.mutable_commitments(1)->set_kind(static_cast<event::v1::SectionKind>(256));
       }},
      {"commitment kind negative",
       [](auto& h) {
         h.mutable_commitments(0)->set_kind(static_cast<event::v1::SectionKind>(-1));
       }},
      {"commitments descending", [](auto& h) { h.mutable_commitments()->SwapElements(0, 1); }},
      {"a commitment twice",
       [](auto& h) { h.mutable_commitments(1)->set_kind(event::v1::SECTION_KIND_SERVICE); }},
      {"commitment short", [](auto& h) { h.mutable_commitments(0)->set_commitment("C"); }},
      {"17 commitments",
       [](auto& h) {
         h.clear_commitments();
         for (int i = 1; i <= 17; ++i) {
           h.add_commitments()->set_kind(static_cast<event::v1::SectionKind>(i));
           h.mutable_commitments(i - 1)->set_commitment(std::string(32, 'C'));
         }
       }},
      {"receiver empty", [](auto& h) { h.mutable_disclosures(0)->clear_receiver(); }},
      {"receivers descending", [](auto& h) { h.mutable_disclosures()->SwapElements(0, 1); }},
      {"receiver twice", [](auto& h) { h.mutable_disclosures(1)->set_receiver("FI/COM/1/a"); }},
      {"no running number", [](auto& h) { h.mutable_disclosures(0)->clear_number(); }},
      {"sections descending",
       [](auto& h) { h.mutable_disclosures(0)->mutable_sections()->SwapElements(0, 1); }},
      {"section 0",
       [](auto& h) {
         h.mutable_disclosures(0)->set_sections(0, event::v1::SECTION_KIND_UNSPECIFIED);
       }},
      {"65 disclosures",
       [](auto& h) {
         h.clear_disclosures();
         for (int i = 0; i < 65; ++i) {
           h.add_disclosures()->set_receiver("r" + std::to_string(100 + i));
           h.mutable_disclosures(i)->set_number(1);
         }
       }},
  };
  for (const auto& [what, apply] : breaks) {
    event::v1::Header header = GoodHeader();
    apply(header);
    EXPECT_THAT(Check(header), StatusIs(absl::StatusCode::kDataLoss)) << what;
  }
  event::v1::Header parsed;
  EXPECT_THAT(ParseHeader(MakeLeaf(std::string(32, 'r'), "\xff\xff"), parsed),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Header, EveryBrokenRuleOfALaterDisclosureIsDataLoss) {
  using Break = void (*)(event::v1::Header&);
  const std::vector<std::pair<const char*, Break>> breaks = {
      {"of another type", [](auto& h) { h.set_type("polku.attendance.v1.DayRecorded"); }},
      {"without what it opens", [](auto& h) { h.clear_later(); }},
      {"no receiver", [](auto& h) { h.mutable_later()->clear_receiver(); }},
      {"receiver long", [](auto& h) { h.mutable_later()->set_receiver(std::string(256, 'r')); }},
      {"no entries", [](auto& h) { h.mutable_later()->clear_entries(); }},
      {"entries descending",
       [](auto& h) { h.mutable_later()->mutable_entries()->SwapElements(0, 1); }},
      {"an entry twice", [](auto& h) { h.mutable_later()->mutable_entries(1)->set_position(3); }},
      {"position beyond 62 bits",
       [](auto& h) { h.mutable_later()->mutable_entries(1)->set_position(uint64_t{1} << 62); }},
      {"sections descending",
       [](auto& h) {
         h.mutable_later()->mutable_entries(1)->mutable_sections()->SwapElements(0, 1);
       }},
      {"section 0",
       [](auto& h) {
         h.mutable_later()->mutable_entries(1)->set_sections(0,
                                                             event::v1::SECTION_KIND_UNSPECIFIED);
       }},
      {"2,049 entries",
       [](auto& h) {
         h.mutable_later()->clear_entries();
         for (uint64_t i = 0; i < 2'049; ++i) h.mutable_later()->add_entries()->set_position(i);
       }},
      {"a control entry",
       [](auto& h) {
         h.clear_case_id();
         h.clear_case_revision();
         h.clear_commitments();
         h.set_control("x");
       }},
      {"corrects short", [](auto& h) { h.set_corrects("x"); }},
      {"corrects long", [](auto& h) { h.set_corrects(std::string(17, 'x')); }},
  };
  for (const auto& [what, apply] : breaks) {
    event::v1::Header header = GoodDisclosed();
    apply(header);
    EXPECT_THAT(Check(header), StatusIs(absl::StatusCode::kDataLoss)) << what;
  }
  event::v1::Header control = GoodHeader();
  control.clear_case_id();
  control.clear_case_revision();
  control.clear_commitments();
  control.set_control("x");
  control.set_corrects(std::string(16, 'x'));
  EXPECT_THAT(Check(control), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Header, RandomBytesNeverCrashTheParser) {
  testing::SeededGenerator generator(testing::TestSeed());
  const std::string good = MakeLeaf(generator.Bytes(32), GoodHeader().SerializeAsString());
  event::v1::Header header;
  size_t refused = 0;
  const google::protobuf::LogSilencer silencer;  // it complains of every bad UTF-8
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (uint64_t n = 0; n <= generator.Below(4); ++n) {
      bad[generator.Below(bad.size())] = static_cast<char>(generator());
    }
    if (generator.Below(4) == 0) bad.resize(generator.Below(bad.size()));
    if (!ParseHeader(bad, header).ok()) ++refused;
  }
  EXPECT_GT(refused, 5'000u);
}

}  // namespace
}  // namespace polku::log
