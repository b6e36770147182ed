#include "eventstore/proof/policy.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/fixed_log.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

// Witnesses "a" to "f" with fixed keys, the last three of one operator.
std::unique_ptr<Signer> Witness(char name) {
  return FixedSigner(Str("witness.example/", std::string(1, name)), static_cast<uint8_t>(name),
                     KeyUse::kCosignature);
}
std::string WitnessLine(char name) {
  return Str("witness ", std::string(1, name), " ", Witness(name)->verifier().Format(), "\n");
}
std::string LogLine() { return Str("log ", OriginSigner()->verifier().Format(), "\n"); }
std::string Witnesses() {
  std::string lines;
  for (char name = 'a'; name <= 'f'; ++name) lines += WitnessLine(name);
  return lines;
}

// A checkpoint cosigned by these witnesses, at second 100 by a, 101 by b ...
std::string NoteBy(std::string_view names) {
  std::string note = FixedNote(8);
  for (const char name : names) {
    note += Witness(name)->Cosign(FixedCheckpoint(8), absl::FromUnixSeconds(100 + name - 'a'));
  }
  return note;
}

bool Quorum(const std::string& rules, std::string_view names) {
  const auto policy = Policy::Parse(LogLine() + Witnesses() + rules);
  EXPECT_THAT(policy, IsOk()) << rules;
  const auto verdict = policy->Check(NoteBy(names));
  EXPECT_THAT(verdict, IsOk());
  return verdict->quorum;
}

TEST(Policy, ListsItsLogsAndWitnesses) {
  ASSERT_OK_AND_ASSIGN(const Policy policy,
                       Policy::Parse(LogLine() + Witnesses() + "quorum none\n"));
  ASSERT_EQ(policy.logs().size(), 1u);
  EXPECT_EQ(policy.logs()[0].Format(), OriginSigner()->verifier().Format());
  ASSERT_EQ(policy.witnesses().size(), 6u);
  EXPECT_EQ(policy.witnesses()[1].name, "b");
  EXPECT_EQ(policy.witnesses()[1].key.name(), "witness.example/b");
  EXPECT_EQ(policy.FindLog(kOrigin), &policy.logs()[0]);
  EXPECT_EQ(policy.FindLog("another"), nullptr);
}

TEST(Policy, TakesBlanksCommentsAddressesAndAnyBytesInNames) {
  const std::string text = "\n \t \n# a comment\n  # another \xff\n\tlog \t" +
                           LogLine().substr(4, LogLine().size() - 5) + "\thttps://log.example/ \n" +
                           "witness \xe2\x84\xaa " + Witness('a')->verifier().Format() +
                           " https://w.example/\n" + "witness K " +
                           Witness('b')->verifier().Format() +
                           "\ngroup g all \xe2\x84\xaa K\nquorum g\nwitness late " +
                           Witness('c')->verifier().Format() + "\n";
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(text));
  EXPECT_EQ(policy.witnesses().size(), 3u);
  ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(NoteBy("ab")));
  EXPECT_TRUE(verdict.quorum);
}

TEST(Policy, CountsAWitnessAGroupAndGroupsOfGroups) {
  EXPECT_TRUE(Quorum("quorum none\n", ""));
  EXPECT_TRUE(Quorum("quorum none\n", "abc"));
  EXPECT_FALSE(Quorum("quorum b\n", "acdef"));
  EXPECT_TRUE(Quorum("quorum b\n", "b"));
  EXPECT_FALSE(Quorum("group g any a b\nquorum g\n", "cdef"));
  EXPECT_TRUE(Quorum("group g any a b\nquorum g\n", "b"));
  EXPECT_FALSE(Quorum("group g all a b\nquorum g\n", "bc"));
  EXPECT_TRUE(Quorum("group g all a b\nquorum g\n", "ba"));
  EXPECT_FALSE(Quorum("group g 2 a b c\nquorum g\n", "bdef"));
  EXPECT_TRUE(Quorum("group g 2 a b c\nquorum g\n", "cb"));
  EXPECT_TRUE(Quorum("group g 1 a\nquorum g\n", "a"));
  // The example of the specification: two of one operator's and any of the other's.
  const std::string both =
      "group X 2 a b c\ngroup Y any d e f\ngroup X-and-Y all X Y\nquorum X-and-Y\n";
  EXPECT_TRUE(Quorum(both, "acf"));
  EXPECT_FALSE(Quorum(both, "abc"));
  EXPECT_FALSE(Quorum(both, "adef"));
  // A group that no quorum asks for changes nothing.
  EXPECT_TRUE(Quorum("group g all a b c d e\nquorum f\n", "f"));
}

// Every subset of the witnesses, beside a plain count.
TEST(Policy, HoldsTheThresholdForEverySubset) {
  for (size_t threshold = 1; threshold <= 6; ++threshold) {
    ASSERT_OK_AND_ASSIGN(const Policy policy,
                         Policy::Parse(LogLine() + Witnesses() +
                                       Str("group g ", threshold, " a b c d e f\nquorum g\n")));
    for (unsigned set = 0; set < 64; ++set) {
      std::string names;
      for (unsigned i = 0; i < 6; ++i) {
        if ((set >> i & 1) != 0) names.push_back(static_cast<char>('a' + i));
      }
      ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(NoteBy(names)));
      EXPECT_EQ(verdict.quorum, names.size() >= threshold) << threshold << " " << names;
      EXPECT_EQ(verdict.cosigned.size(), names.size());
    }
  }
}

TEST(Policy, TellsTheCheckpointAndWhenItWasCosigned) {
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(LogLine() + WitnessLine('a') +
                                                          WitnessLine('b') + "quorum a\n"));
  ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(NoteBy("bc")));
  EXPECT_EQ(verdict.checkpoint, FixedCheckpoint(8));
  EXPECT_THAT(verdict.cosigned,
              UnorderedElementsAre(Pair("witness.example/b", absl::FromUnixSeconds(101))));
  EXPECT_FALSE(verdict.quorum);
}

TEST(Policy, TrustsListedLogsUnderTheirOwnNameAlone) {
  ASSERT_OK_AND_ASSIGN(const Policy policy,
                       Policy::Parse(LogLine() + WitnessLine('a') + "quorum none\n"));
  EXPECT_THAT(policy.Check(NoteBy("a")), IsOk());
  const auto stranger = Signer::Generate(kOrigin, KeyUse::kCheckpoint);
  EXPECT_THAT(policy.Check(stranger->Sign(FixedCheckpoint(8))),
              StatusIs(kUnauthenticated, HasSubstr("not signed by the listed key")));
  // Beside the stranger's line, the listed one counts; a listed one that is false does not pass.
  const std::string line = stranger->Sign(FixedCheckpoint(8));
  EXPECT_THAT(policy.Check(FixedNote(8) + line.substr(line.find("\n\n") + 2)), IsOk());
  EXPECT_THAT(policy.Check(FixedNote(8) + FixedNote(7).substr(FixedNote(7).find("\n\n") + 2)),
              StatusIs(kUnauthenticated, HasSubstr("does not verify")));
  Checkpoint other = FixedCheckpoint(8);
  other.origin = "FI/MUN/0187690-1/oulu/referral/2";
  EXPECT_THAT(policy.Check(OriginSigner()->Sign(other)),
              StatusIs(kUnauthenticated, HasSubstr("not a listed log")));
  EXPECT_THAT(policy.Check("text"), StatusIs(kInvalid));
}

TEST(Policy, MayListSeveralKeysOfOneLog) {
  const auto second = FixedSigner(kOrigin, 0x70, KeyUse::kCheckpoint);
  ASSERT_OK_AND_ASSIGN(
      const Policy policy,
      Policy::Parse(LogLine() + Str("log ", second->verifier().Format(), "\n") + "quorum none\n"));
  EXPECT_THAT(policy.Check(FixedNote(8)), IsOk());
  EXPECT_THAT(policy.Check(second->Sign(FixedCheckpoint(8))), IsOk());
}

TEST(Policy, RefusesAFalseCosignatureOfAListedWitness) {
  ASSERT_OK_AND_ASSIGN(const Policy policy,
                       Policy::Parse(LogLine() + WitnessLine('a') + "quorum none\n"));
  const std::string false_line = Witness('a')->Cosign(FixedCheckpoint(7), absl::FromUnixSeconds(1));
  EXPECT_THAT(policy.Check(FixedNote(8) + false_line),
              StatusIs(kUnauthenticated, HasSubstr("witness.example/a")));
  // Of witnesses that are not listed nothing is asked.
  const std::string unlisted = Witness('b')->Cosign(FixedCheckpoint(7), absl::FromUnixSeconds(1));
  EXPECT_THAT(policy.Check(FixedNote(8) + unlisted), IsOk());
}

TEST(Policy, NamesTheLineThatIsWrong) {
  const std::string log = LogLine(), a = WitnessLine('a'), b = WitnessLine('b');
  const std::string cosigner = Witness('a')->verifier().Format();
  const std::string q = "quorum none\n";
  const std::string same_key =
      VerifierKey("other", Witness('a')->verifier().key(), KeyUse::kCosignature).Format();
  const std::string same_log =
      VerifierKey("other", OriginSigner()->verifier().key(), KeyUse::kCheckpoint).Format();
  const struct {
    std::string text;
    int line;
    const char* what;
  } kWrong[] = {
      {"logs x\n", 1, "begins with none of"},
      {"x\n", 1, "begins with none of"},
      {"LOG x\n", 1, "begins with none of"},
      {"\n\nlog\n", 3, "log <vkey>"},
      {"log a b c\n", 1, "log <vkey>"},
      {"log x\n", 1, "key:"},
      {"log " + cosigner + "\n", 1, "not a key that signs checkpoints"},
      {log + "# comment\nlog " + same_log + "\n", 3, "same key"},
      {"witness a\n", 1, "witness <name> <vkey>"},
      {"witness a b c d\n", 1, "witness <name> <vkey>"},
      {"witness a x\n", 1, "key:"},
      {"witness a " + log.substr(4), 1, "not a key that cosigns"},
      {"witness none " + cosigner + "\n", 1, "none is not a name"},
      {a + "witness a " + b.substr(10), 2, "a is defined already"},
      {a + "witness z " + same_key + "\n", 2, "same key"},
      {a + "group g any\n", 2, "group <name>"},
      {a + "group a any a\n", 2, "a is defined already"},
      {a + "group none any a\n", 2, "none is not a name"},
      {a + "group g any b\n", 2, "b is no witness or group"},
      {a + "group g any g\n", 2, "g is no witness or group"},
      {a + "group g any none\n", 2, "none is no witness or group"},
      {a + "group g any a a\n", 2, "a is listed in a group already"},
      {a + b + "group g any a\ngroup h all a b\n", 4, "a is listed in a group already"},
      {a + "group g 0 a\n", 2, "0 is not all, any or a number from 1 to"},
      {a + "group g 2 a\n", 2, "2 is not all"},
      {a + "group g 01 a\n", 2, "01 is not all"},
      {a + "group g -1 a\n", 2, "-1 is not all"},
      {a + "group g most a\n", 2, "most is not all"},
      {a + "group g 99999999999999999999 a\n", 2, "is not all"},
      {a + "quorum\n", 2, "quorum <name>"},
      {a + "quorum a a\n", 2, "quorum <name>"},
      {a + "quorum b\n", 2, "b is no witness or group"},
      {"quorum a\n" + a, 1, "a is no witness or group"},
      {a + q + "quorum a\n", 3, "second quorum"},
      {q + q, 2, "second quorum"},
  };
  for (const auto& wrong : kWrong) {
    EXPECT_THAT(Policy::Parse(wrong.text),
                StatusIs(kInvalid, AllOf(HasSubstr(Str("policy: line ", wrong.line, ":")),
                                         HasSubstr(wrong.what))))
        << wrong.text;
  }
  EXPECT_THAT(Policy::Parse(""), StatusIs(kInvalid, HasSubstr("no quorum line")));
  EXPECT_THAT(Policy::Parse(log + a), StatusIs(kInvalid, HasSubstr("no quorum line")));
  EXPECT_THAT(Policy::Parse("quorum none"), StatusIs(kInvalid, HasSubstr("newline")));
  for (const char* text : {"quorum none\r\n", "# \x01\nquorum none\n", "# \x7f\nquorum none\n"}) {
    EXPECT_THAT(Policy::Parse(text), StatusIs(kInvalid, HasSubstr("control characters")));
  }
}

TEST(Policy, MayHaveNoLogAndNoWitness) {
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse("quorum none\n"));
  EXPECT_TRUE(policy.logs().empty());
  EXPECT_THAT(policy.Check(FixedNote(8)), StatusIs(kUnauthenticated));
}

// tlog-policy asks for 32 of each; the bound is one of bytes.
TEST(Policy, TakesManyLogsWitnessesAndGroupsAndIsBounded) {
  std::string text;
  std::string group = "group all-of-them all";
  for (int i = 0; i < 200; ++i) {
    text += Str("log ",
                FixedSigner(Str("log", i), static_cast<uint8_t>(i), KeyUse::kCheckpoint)
                    ->verifier()
                    .Format(),
                "\n");
    text += Str("witness w", i, " ",
                FixedSigner(Str("w", i), static_cast<uint8_t>(i), KeyUse::kCosignature)
                    ->verifier()
                    .Format(),
                "\n");
    text += Str("group g", i, " any w", i, "\n");
    group += Str(" g", i);
  }
  text += group + "\nquorum all-of-them\n";
  EXPECT_THAT(Policy::Parse(text), IsOk());
  const std::string rest = text + "#\n";
  EXPECT_THAT(Policy::Parse(Str(text, "#", std::string(kMaxPolicyBytes - rest.size(), 'x'), "\n")),
              IsOk());
  EXPECT_THAT(
      Policy::Parse(Str(text, "#", std::string(kMaxPolicyBytes - rest.size() + 1, 'x'), "\n")),
      StatusIs(kInvalid, HasSubstr("256 KiB")));
}

// As deep as the bytes allow: each group is a member of the next.
TEST(Policy, JudgesADeepChainOfGroups) {
  std::string text = LogLine() + WitnessLine('a') + "group g0 any a\n";
  int last = 0;
  while (text.size() + 100 < kMaxPolicyBytes) {
    text += Str("group g", last + 1, " any g", last, "\n");
    ++last;
  }
  text += Str("quorum g", last, "\n");
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(text));
  for (const bool cosigned : {true, false}) {
    ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(NoteBy(cosigned ? "a" : "")));
    EXPECT_EQ(verdict.quorum, cosigned);
  }
}

TEST(Policy, IsReadFromWhatItWrites) {
  std::vector<VerifierKey> logs{OriginSigner()->verifier()};
  std::vector<VerifierKey> witnesses;
  for (const char name : {'a', 'b', 'c'}) witnesses.push_back(Witness(name)->verifier());
  for (size_t threshold = 0; threshold <= 3; ++threshold) {
    ASSERT_OK_AND_ASSIGN(const Policy policy,
                         Policy::Parse(Policy::Format(logs, witnesses, threshold)));
    ASSERT_EQ(policy.logs().size(), 1u);
    ASSERT_EQ(policy.witnesses().size(), 3u);
    EXPECT_EQ(policy.witnesses()[2].key.Format(), witnesses[2].Format());
    for (const std::string names : {"", "a", "bc", "abc"}) {
      ASSERT_OK_AND_ASSIGN(const Policy::Verdict verdict, policy.Check(NoteBy(names)));
      EXPECT_EQ(verdict.quorum, names.size() >= threshold) << threshold << " " << names;
    }
  }
  EXPECT_THAT(Policy::Parse(Policy::Format({}, {}, 0)), IsOk());
  EXPECT_THAT(Policy::Parse(Policy::Format(logs, {}, 0)), IsOk());
}

}  // namespace
}  // namespace polku::proof
