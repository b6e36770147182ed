// The thread that verifies a running node's store.
#include "services/host/scrub.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "services/host/witnessing.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using ::testing::HasSubstr;

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class ScrubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_.Open();
    for (uint64_t i = 0; i < 50; ++i) Publish(i);
  }
  void Publish(uint64_t number) {
    const auto need = Event(NamedEvent(Str("need ", number)), NumberedCase(number),
                            ParseText<referral::v1::NeedIdentified>(
                                "identified_on: '2025-01-07' source: NEED_SOURCE_CLIENT "
                                "municipality_code: '564'"));
    ASSERT_FALSE(node_.Offer(kOulu, {need}).has_refusal());
  }
  Scrub::Options Options(absl::Duration every, const proof::VerifierKey& key) {
    evidence::VerifyOptions verify{.own_origin = node_.origin()};
    verify.keys.emplace(node_.origin(), key);
    return {.engine = node_.engine, .verify = std::move(verify), .every = every};
  }

  StubService service_;
  TestNode node_{kOulu, service_, 1};
};

// Half of it was read before the erasure and half after it: what such a pass finds is nobody's fault.
TEST_F(ScrubTest, APassAmidAnErasureDoesNotCount) {
  // A wrong key: every pass that counts finds something.
  const auto other = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  auto options = Options(absl::ZeroDuration(), other->verifier());
  std::atomic<uint64_t> steps = 0;
  std::atomic<bool> settled = false;
  options.erasures = [&]() -> std::optional<uint64_t> {
    if (!settled) return std::nullopt;
    return ++steps;  // another at each asking
  };
  Scrub scrub(std::move(options));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  settled = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  EXPECT_EQ(scrub.status().finished_at_us(), 0);
  EXPECT_EQ(scrub.health(), "");
  EXPECT_GE(steps, 2u) << "and it was tried";
}

TEST_F(ScrubTest, ErasuresThatAreOverAreNoHindrance) {
  const auto other = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  auto options = Options(absl::ZeroDuration(), other->verifier());
  options.erasures = [] { return std::optional<uint64_t>(7); };
  Scrub scrub(std::move(options));
  ASSERT_TRUE(Eventually([&] { return scrub.status().finished_at_us() > 0; }));
  EXPECT_NE(scrub.health(), "");
}

// A hole may be explained since: nobody waits a day for health to say so.
TEST_F(ScrubTest, AnErasureBringsForwardThePassAfterOneThatFoundSomething) {
  const auto other = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  std::atomic<uint64_t> steps = 7;
  std::atomic<bool> settled = true;
  const auto finished_again = [&](const proof::VerifierKey& key) {
    auto options = Options(absl::Hours(24), key);
    options.erasures = [&] { return settled ? std::optional<uint64_t>(steps) : std::nullopt; };
    Scrub scrub(std::move(options));
    EXPECT_TRUE(Eventually([&] { return scrub.status().finished_at_us() > 0; }));
    const auto first = scrub.status().finished_at_us();
    settled = false;
    ++steps;
    std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
    EXPECT_EQ(scrub.status().finished_at_us(), first) << "not before it is through";
    settled = true;
    for (int i = 0; i < 500 && scrub.status().finished_at_us() == first; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return scrub.status().finished_at_us() > first;
  };
  EXPECT_TRUE(finished_again(other->verifier()));
  EXPECT_FALSE(finished_again(node_.keys.signer->verifier())) << "nothing stands that it could explain";
}

TEST_F(ScrubTest, AHealthyStoreIsReadAgainAndAgainWhileTheServiceAppends) {
  Scrub scrub(Options(absl::ZeroDuration(), node_.keys.signer->verifier()));
  ASSERT_TRUE(Eventually([&] { return scrub.status().finished_at_us() > 0; }));
  const auto first = scrub.status();
  EXPECT_GE(first.entries(), 50u);
  uint64_t number = 1'000;
  ASSERT_TRUE(Eventually([&] {
    Publish(++number);
    return scrub.status().finished_at_us() > first.finished_at_us();
  }));
  EXPECT_GT(scrub.status().entries(), first.entries());
  EXPECT_EQ(scrub.status().problems(), 0u) << scrub.status().first_problem();
  EXPECT_EQ(scrub.health(), "");
}

TEST_F(ScrubTest, WhatDoesNotVerifyIsInStatusHealthAndLog) {
  const auto other = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  ::testing::internal::CaptureStderr();
  {
    Scrub scrub(Options(absl::Hours(24), other->verifier()));
    EXPECT_TRUE(Eventually([&] { return scrub.status().finished_at_us() > 0; }));
    EXPECT_GT(scrub.status().problems(), 0u);
    EXPECT_THAT(scrub.status().first_problem(), HasSubstr(node_.origin()));
    EXPECT_THAT(scrub.health(), HasSubstr("polku verify"));
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("verification: "));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 10);
}

TEST_F(ScrubTest, WhatIsFoundAgainIsLoggedOnce) {
  const auto other = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  ::testing::internal::CaptureStderr();
  {
    Scrub scrub(Options(absl::ZeroDuration(), other->verifier()));
    for (int pass = 0; pass < 2; ++pass) {
      const auto before = scrub.status().finished_at_us();
      EXPECT_TRUE(Eventually([&] { return scrub.status().finished_at_us() > before; }));
    }
    EXPECT_THAT(scrub.health(), HasSubstr("verification: "));
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  const std::string first = text.substr(text.find("verification: "), text.find('\n') - text.find("verification: "));
  size_t times = 0;
  for (size_t at = text.find(first); at != std::string::npos; at = text.find(first, at + 1)) ++times;
  EXPECT_EQ(times, 1u) << text;
}

TEST_F(ScrubTest, ItStopsWithinAMomentBetweenPassesAndAmidOne) {
  for (const absl::Duration every : {absl::ZeroDuration(), absl::Hours(24)}) {
    const auto start = std::chrono::steady_clock::now();
    { Scrub scrub(Options(every, node_.keys.signer->verifier())); }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
}

}  // namespace
}  // namespace polku::host
