#include "eventstore/proof/note.h"

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/fixed_keys.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
const std::string kDash = "\xe2\x80\x94 ";

// The example of C2SP signed-note, whose text holds an empty line.
const std::string kPoem =
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed \xc3\xa8 subito sera.\n"
    "\n" +
    kDash +
    "quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/"
    "5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

Checkpoint SomeCheckpoint() { return {kOrigin, Position(8), Hash()}; }

TEST(Note, OfTheSpecificationIsReadAndWrittenTheSame) {
  ASSERT_OK_AND_ASSIGN(const Note note, ParseNote(kPoem));
  EXPECT_EQ(
      note.body,
      "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \xc3\xa8 subito "
      "sera.\n");
  ASSERT_EQ(note.signatures.size(), 1u);
  EXPECT_EQ(note.signatures[0].name, "quasimodo.example/salvatore");
  EXPECT_EQ(note.signatures[0].key_id, 0x367ba04bu);
  EXPECT_EQ(note.signatures[0].signature.size(), 64u);
  EXPECT_EQ(FormatNote(note), kPoem);
}

TEST(Note, KeepsManySignaturesOfAnyKindInTheirOrder) {
  Note note{"text\n", {}};
  for (size_t i = 1; i <= 40; ++i) {
    note.signatures.push_back({Str("key", i), static_cast<uint32_t>(i << 24), std::string(i, 'x')});
  }
  ASSERT_OK_AND_ASSIGN(const Note parsed, ParseNote(FormatNote(note)));
  EXPECT_EQ(parsed.body, note.body);
  EXPECT_EQ(parsed.signatures, note.signatures);
}

TEST(Note, IsRefusedWhenMalformed) {
  const std::string line = kDash + "k AAAAAAA=\n";
  const std::pair<std::string, const char*> kWrong[] = {
      {"", "no blank line"},
      {"text\n", "no blank line"},
      {"text\n" + line, "no blank line"},
      {"text\n\n", "no signature line"},
      {"text\n\n" + line + "\n", "no signature line"},
      {"text\n\n" + line.substr(0, line.size() - 1), "do not end with a newline"},
      {"text\n\nk AAAAAAA=\n", "em dash"},
      {"text\n\n\xe2\x80\x93 k AAAAAAA=\n", "em dash"},
      {"text\n\n\xe2\x80\x94k AAAAAAA=\n", "em dash"},
      {"text\n\n" + kDash + "k\n", "without a signature"},
      {"text\n\n" + kDash + "k \n", "wrong name or signature"},
      {"text\n\n" + kDash + "k AAAAAA==\n", "wrong name or signature"},
      {"text\n\n" + kDash + "k AAAAAAA\n", "wrong name or signature"},
      {"text\n\n" + kDash + "k AAAAAAB=\n", "wrong name or signature"},
      {"text\n\n" + kDash + "k  AAAAAAA=\n", "wrong name or signature"},
      {"text\n\n" + kDash + "k AAAAAAA= \n", "wrong name or signature"},
      {"text\n\n" + kDash + " AAAAAAA=\n", "wrong name or signature"},
      {"text\n\n" + kDash + "a+b AAAAAAA=\n", "wrong name or signature"},
      {"te\xff\n\n" + line, "not UTF-8"},
      {"te\tt\n\n" + line, "control characters"},
      {"te\rt\n\n" + line, "control characters"},
      {"te\0t\n\n"s + line, "control characters"},
  };
  for (const auto& [text, what] : kWrong) {
    EXPECT_THAT(ParseNote(text), StatusIs(kInvalid, HasSubstr(what))) << text;
  }
}

TEST(Note, IsAtMostSixtyFourKibibytes) {
  const std::string end = "\n\n" + kDash + "k AAAAAAA=\n";
  EXPECT_THAT(ParseNote(std::string(kMaxNoteBytes - end.size(), 'x') + end), IsOk());
  EXPECT_THAT(ParseNote(std::string(kMaxNoteBytes - end.size() + 1, 'x') + end),
              StatusIs(kInvalid, HasSubstr("64 KiB")));
}

TEST(CheckpointBody, IsReadWithOrWithoutExtensionLines) {
  const std::string body = CheckpointBody(SomeCheckpoint());
  EXPECT_THAT(ParseCheckpointBody(body), IsOkAndHolds(SomeCheckpoint()));
  EXPECT_THAT(ParseCheckpointBody(body + "more\nand more\n"), IsOkAndHolds(SomeCheckpoint()));
}

TEST(CheckpointBody, IsRefusedWhenMalformed) {
  const std::string root = ToBase64(Hash().view());
  const std::pair<std::string, const char*> kWrong[] = {
      {"", "no origin line"},
      {"\n8\n" + root + "\n", "no origin line"},
      {"o\n", "no size line"},
      {"o\n8", "no size line"},
      {"o\n8\n", "no root line"},
      {"o\n8\n" + root, "no root line"},
      {"o\n08\n" + root + "\n", "decimal"},
      {"o\n9223372036854775808\n" + root + "\n", "decimal"},
      {"o\n8\n" + root.substr(4) + "\n", "32 bytes"},
      {"o\n8\n" + root + "\n\n", "empty extension line"},
      {"o\n8\n" + root + "\nx", "does not end with a newline"},
      {"o\xff\n8\n" + root + "\n", "not UTF-8"},
      {"o\x01\n8\n" + root + "\n", "control characters"},
  };
  for (const auto& [body, what] : kWrong) {
    EXPECT_THAT(ParseCheckpointBody(body), StatusIs(kInvalid, HasSubstr(what))) << body;
  }
}

TEST(AddSignatures, AddsLinesOrAnotherNotesOnceEach) {
  const std::string note = OriginSigner()->Sign(SomeCheckpoint());
  const std::string line1 = Witness1()->Cosign(SomeCheckpoint(), absl::FromUnixSeconds(1));
  const std::string line2 = Witness2()->Cosign(SomeCheckpoint(), absl::FromUnixSeconds(2));
  EXPECT_THAT(AddSignatures(note, line1), IsOkAndHolds(note + line1));
  EXPECT_THAT(AddSignatures(note, line1 + line2), IsOkAndHolds(note + line1 + line2));
  EXPECT_THAT(AddSignatures(note + line1, line2 + line1), IsOkAndHolds(note + line1 + line2));
  EXPECT_THAT(AddSignatures(note, line1 + line1), IsOkAndHolds(note + line1));
  EXPECT_THAT(AddSignatures(note + line1, note + line2), IsOkAndHolds(note + line1 + line2));
  EXPECT_THAT(AddSignatures(note, note), IsOkAndHolds(note));
  EXPECT_THAT(AddSignatures(note, ""), IsOkAndHolds(note));
  // Of one key at two times there are two lines.
  const std::string later = Witness1()->Cosign(SomeCheckpoint(), absl::FromUnixSeconds(3));
  EXPECT_THAT(AddSignatures(note + line1, later), IsOkAndHolds(note + line1 + later));
}

TEST(AddSignatures, RefusesAnotherBodyAndWhatIsMalformed) {
  const std::string note = OriginSigner()->Sign(SomeCheckpoint());
  Checkpoint other = SomeCheckpoint();
  other.size = Position(9);
  EXPECT_THAT(AddSignatures(note, OriginSigner()->Sign(other)),
              StatusIs(kInvalid, HasSubstr("another body")));
  EXPECT_THAT(AddSignatures("", note), StatusIs(kInvalid));
  EXPECT_THAT(AddSignatures(note, "x"), StatusIs(kInvalid));
  EXPECT_THAT(AddSignatures(note, "x\n"), StatusIs(kInvalid));
  EXPECT_THAT(AddSignatures(note, "\n\n"), StatusIs(kInvalid));
  const std::string line = Witness1()->Cosign(SomeCheckpoint(), absl::FromUnixSeconds(1));
  EXPECT_THAT(AddSignatures(note, line.substr(0, line.size() - 1)), StatusIs(kInvalid));
  EXPECT_THAT(AddSignatures(note, line + "\xff"), StatusIs(kInvalid));
}

TEST(AddSignatures, NeverMakesANoteThatIsTooLong) {
  const std::string note = OriginSigner()->Sign(SomeCheckpoint());
  std::string lines;
  for (int i = 0; lines.size() + 200 < kMaxNoteBytes; ++i) {
    lines += Witness1()->Cosign(SomeCheckpoint(), absl::FromUnixSeconds(i));
  }
  ASSERT_OK_AND_ASSIGN(const std::string full,
                       AddSignatures(note, lines.substr(0, lines.find('\n') + 1)));
  EXPECT_THAT(AddSignatures(full, lines), StatusIs(kInvalid, HasSubstr("64 KiB")));
  EXPECT_THAT(AddSignatures(note, lines + lines), StatusIs(kInvalid, HasSubstr("64 KiB")));
}

}  // namespace
}  // namespace polku::proof
