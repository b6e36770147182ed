// Every kind of event by every actor in every class of state: what is taken is written down a second time, as a
// table, and so is who may say it. A case is as far as its class says and everything else is in order, so that
// a step that is refused is refused for the class or for the actor.
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

// O Oulu (requester), P Pohde (social services), V Verstas (target, provider), X another provider, K Kela,
// H health care, A auditor, S a stranger.
const std::map<char, std::string_view> kActors = {
    {'O', kOulu}, {'P', kPohde},    {'V', kVerstas}, {'X', kOtherProvider},
    {'K', kKela}, {'H', kHospital}, {'A', kAuditor}, {'S', kStranger}};
const std::string kLetters = "OPVXKHAS";

// Classes of state, in the columns' order:
//   0 empty       1 need         2 plan signed  3 ref. draft    4 ref. requested 5 ref. rejected  6 ref. accepted
//   7 ref. on hold 8 ref. failed 9 ref. cancelled a ref. in error b agreed       c decided        d running
//   e in progress f interrupted  g extended     h ended         i completed      j handed over    k linked   l closed
//   m place listed n place withdrawn                o plan drafted p meeting held q client committed
//   r extension decided              s follow-on plan drafted
const std::string kClasses = "0123456789abcdefghijklmnopqrs";

v1::ReferralStatusChanged Status(v1::ReferralStatus status) {
  v1::ReferralStatusChanged event;
  event.set_referral_id("ref-1");
  event.set_status(status);
  event.set_reason(v1::STATUS_REASON_OTHER);
  event.set_effective_on("2025-02-01");
  if (status == v1::REFERRAL_STATUS_REQUESTED) event.set_target_agency(std::string(kVerstas));
  return event;
}

// By that class's letter.
std::unique_ptr<OuluCase> CaseOf(char name) {
  auto made = std::make_unique<OuluCase>();
  const auto go = [&](std::string_view step) { made->GoTo(step); };
  const auto then = [&](v1::ReferralStatus status) {
    const std::string_view author =
        WhoMaySet(status).requester && !WhoMaySet(status).target ? kOulu : kVerstas;
    made->Record(author, Status(status));
  };
  const auto place = [&](size_t steps) {
    for (size_t i = 0; i < steps; ++i) made->Record(kVerstas, *PlacePath()[i].event);
  };
  switch (name) {
    case '0': break;
    case '1': go("client"); break;
    case '2': go("draft"); break;
    case '3': go("requested"); break;
    case '4': go("place"); break;
    case '5': go("place"); then(v1::REFERRAL_STATUS_REJECTED); break;
    case '6': go("visit arranged"); break;
    case '7': go("visit arranged"); then(v1::REFERRAL_STATUS_ON_HOLD); break;
    case '8': go("visit arranged"); then(v1::REFERRAL_STATUS_FAILED); break;
    case '9': go("visit arranged"); then(v1::REFERRAL_STATUS_CANCELLED); break;
    case 'a': go("visit arranged"); then(v1::REFERRAL_STATUS_ENTERED_IN_ERROR); break;
    case 'b': go("decision"); break;
    case 'c': go("start"); break;
    case 'd': go("in progress"); break;
    case 'e': go("interrupted"); break;
    case 'f': go("resumed"); break;
    case 'g': go("follow-on plan"); break;
    case 'h': go("completed"); break;
    case 'i': go("handed over"); break;
    case 'j': go("follow-up 3"); break;
    case 'k': go("unlinked"); break;
    case 'l': go(""); break;
    case 'o': go("client signs"); break;
    case 'p': go("provider commits"); break;
    case 'q': go("agreement"); break;
    case 'r': go("extended"); break;
    case 's': go("end"); break;
    case 'm': place(1); break;
    case 'n': place(2); break;
    default: ADD_FAILURE() << "no class " << name;
  }
  return made;
}

// Each step: who may say it in the class where the path says it, and the classes in which somebody may.
struct Row {
  std::string authors;
  std::string classes;
};
// clang-format off
const std::map<std::string, Row> kTable = {
    {"need", {"OPVXKH", "0123456789abcdefghijklopqrs"}},
    {"client", {"OPVXKH", "0123456789abcdefghijklopqrs"}},
    {"need assessed", {"OP", "123456789abcdefghijklopqrs"}},
    {"benefit", {"OPVXKH", "123456789abcdefghijklopqrs"}},
    {"social service", {"OPVXKH", "123456789abcdefghijklopqrs"}},
    {"health service", {"OPVXKH", "123456789abcdefghijklopqrs"}},
    {"plan", {"OP", "1"}},
    {"client signs", {"OPVX", "o"}},
    {"social signs", {"P", "o"}},
    {"authority signs", {"O", "o"}},
    {"case manager", {"P", "123456789abcdefghijklopqrs"}},
    {"draft", {"O", "23o"}},
    {"requested", {"O", "3"}},
    {"place", {"V", "467bcdefghpqrs"}},
    {"accepted", {"V", "4"}},
    {"visit arranged", {"OP", "467bcdefghpqrs"}},
    {"visit held", {"OPV", "467bcdefghpqrs"}},
    {"meeting called", {"OPVX", "123456789ao"}},
    {"meeting held", {"OPVX", "123456789ao"}},
    {"provider commits", {"V", "p"}},
    {"client commits", {"OPVX", "p"}},
    {"agreement", {"OP", "6bcdefgpqrs"}},
    {"decision", {"P", "b"}},
    {"authority told", {"OP", "bcdefghijklrs"}},
    {"statement", {"O", "bcdefghijklrs"}},
    {"start", {"PV", "c"}},
    {"in progress", {"V", "67bcdpq"}},
    {"commitment done", {"V", "bcdq"}},
    {"interrupted", {"PV", "de"}},
    {"resumed", {"PV", "f"}},
    {"changed", {"PV", "defgrs"}},
    {"second agreement", {"OP", "defgrs"}},
    {"extension decision", {"P", "def"}},
    {"extended", {"P", "r"}},
    {"follow-on plan", {"OPVX", "123456789abcdefgopqr"}},
    {"end", {"PV", "s"}},
    {"completed", {"V", "67bcdefghpqrs"}},
    {"handed over", {"V", "123456789abcdefghiopqrs"}},
    {"follow-up 3", {"OP", "hij"}},
    {"follow-up 6", {"OP", "hij"}},
    {"nobody", {"OP", "123456789abcdefghijklopqrs"}},
    {"linked", {"OP", "123456789abcdefghijlopqrs"}},
    {"unlinked", {"OP", "k"}},
    {"closed", {"P", "12589aijko"}},
    {"listed", {"OPV", "0n"}},
    {"withdrawn", {"V", "m"}},
};
// clang-format on

std::set<std::string> DocumentedCodes() {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) + "/services/referral/README.md");
  std::set<std::string> codes;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| ")) continue;
    std::istringstream cell(line.substr(2, line.find(" | ", 2) - 2));
    for (std::string code; std::getline(cell, code, ',');) {
      code.erase(0, code.find_first_not_of(' '));
      codes.insert(code);
    }
  }
  return codes;
}

TEST(Exhaustive, EveryEventByEveryActorInEveryClassOfStateIsTakenAsTheTableSays) {
  const std::set<std::string> documented = DocumentedCodes();
  ASSERT_TRUE(documented.contains("illegal_transition")) << "set POLKU_SOURCE_DIR";
  std::vector<Step> steps = OuluPath();
  for (const Step& step : PlacePath()) steps.push_back(step);
  std::map<std::string, Row> actual;
  std::set<std::string> types;
  std::set<std::string> seen;
  int asked = 0;
  for (const char name : kClasses) {
    const auto client = CaseOf(name);
    for (const Step& step : steps) {
      types.insert(step.event->GetTypeName());
      Row& row = actual[step.name];
      std::string may;
      for (const char letter : kLetters) {
        // Late enough for every step of the path.
        const auto refusal =
            client->Decide(kActors.at(letter), *step.event, testing::OnDay("2026-06-02"));
        ++asked;
        if (!refusal) {
          may += letter;
          continue;
        }
        seen.insert(refusal->code);
        EXPECT_TRUE(documented.contains(refusal->code)) << refusal->code << " at " << step.name;
        EXPECT_FALSE(refusal->message.empty());
      }
      if (may.empty()) continue;
      row.classes += name;
      // In every class in which it may be said at all, by whom is the same, or fewer (a case that was handed over).
      for (const char letter : may) {
        if (row.authors.find(letter) == std::string::npos) row.authors += letter;
      }
      const auto expected = kTable.find(step.name);
      if (expected == kTable.end()) continue;
      for (const char letter : may) {
        EXPECT_NE(expected->second.authors.find(letter), std::string::npos)
            << step.name << " in class " << name << " by " << letter;
      }
    }
  }
  EXPECT_EQ(types.size(), TheReferralService().event_types().size());
  EXPECT_EQ(asked, static_cast<int>(kClasses.size() * steps.size() * kLetters.size()));
  for (const Step& step : steps) {
    const Row& is = actual[step.name];
    const auto expected = kTable.find(step.name);
    const Row should = expected == kTable.end() ? Row{"?", "?"} : expected->second;
    std::string authors;
    for (const char letter : kLetters) {
      if (is.authors.find(letter) != std::string::npos) authors += letter;
    }
    EXPECT_TRUE(authors == should.authors && is.classes == should.classes)
        << "    {\"" << step.name << "\", {\"" << authors << "\", \"" << is.classes << "\"}},  was {\""
        << should.authors << "\", \"" << should.classes << "\"}";
  }
  EXPECT_EQ(kTable.size(), steps.size());
  // An auditor and a stranger are let in nowhere.
  for (const auto& [step, row] : kTable) {
    EXPECT_EQ(row.authors.find_first_of("AS"), std::string::npos) << step;
  }
}

}  // namespace
}  // namespace polku::referral
