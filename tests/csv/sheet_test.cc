#include "adapters/csv/sheet.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "adapters/csv/codes.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"

namespace polku::csv {
namespace {

using attendance::v1::DayCorrected;
using attendance::v1::DayCorrectionProposed;
using attendance::v1::DayRecorded;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

CaseId Case(uint8_t n) {
  CaseId id;
  id.data()[15] = n;
  return id;
}

const Clients& TwoClients() {
  static const auto* clients = new Clients{{"A-01", Case(1)}, {"A-02", Case(2)}};
  return *clients;
}

Sheet Parse(std::string_view text, SheetOptions options = {}) {
  if (options.author_agency.empty()) options.author_agency = "FI/COM/0187690-1/yhdistys";
  return ParseSheet(text, TwoClients(), options);
}

std::string Problems(const Sheet& sheet) {
  std::string text;
  for (const Problem& problem : sheet.problems) text += FormatProblem(problem) + "\n";
  return text;
}

const DayRecorded& Recorded(const Sheet& sheet, size_t index) {
  EXPECT_EQ(Problems(sheet), "");
  EXPECT_LT(index, sheet.events.size());
  return dynamic_cast<const DayRecorded&>(*sheet.events.at(index).message);
}
const DayCorrected& Corrected(const Sheet& sheet, size_t index) {
  EXPECT_EQ(Problems(sheet), "");
  return dynamic_cast<const DayCorrected&>(*sheet.events.at(index).message);
}

// Sheets that must be refused: nothing is taken, and the problem is told at its place.
void ExpectRefused(std::string_view text, size_t line, size_t column, std::string_view told,
                   SheetOptions options = {}) {
  const Sheet sheet = Parse(text, options);
  EXPECT_THAT(sheet.events, IsEmpty()) << text;
  EXPECT_THAT(sheet.problems,
              Contains(AllOf(Field(&Problem::line, line), Field(&Problem::column, column),
                             Field(&Problem::what, HasSubstr(std::string(told))))))
      << text << "\n"
      << Problems(sheet);
}

TEST(CodesTest, EveryClassOfTheVocabularyHasOneCodeAndEveryCodeFoldsToItself) {
  const auto* classes = event::v1::AttendanceClass_descriptor();
  std::vector<std::string> codes;
  for (int i = 0; i < classes->value_count(); ++i) {
    if (classes->value(i)->number() == 0) continue;
    const auto wanted = static_cast<event::v1::AttendanceClass>(classes->value(i)->number());
    EXPECT_EQ(std::count_if(DayCodes().begin(), DayCodes().end(),
                            [&](const DayCode& code) { return code.attendance_class == wanted; }),
              1)
        << classes->value(i)->name();
    EXPECT_EQ(DayCodeOf(wanted).attendance_class, wanted);
    codes.emplace_back(DayCodeOf(wanted).code);
    EXPECT_EQ(FindDayCode(Fold(codes.back())), &DayCodeOf(wanted));
  }
  std::sort(codes.begin(), codes.end());
  EXPECT_EQ(std::unique(codes.begin(), codes.end()), codes.end());
}

TEST(CodesTest, EveryReasonOfTheVocabularyHasAWord) {
  std::vector<int> found;
  for (const char* word : {"väärä asiakas", "väärä päivä", "väärä merkintä", "väärä aika",
                           "todistus saatu", "kahteen kertaan", "muu syy"}) {
    ASSERT_TRUE(FindReason(word).has_value()) << word;
    found.push_back(*FindReason(word));
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found.size() + 1,
            static_cast<size_t>(attendance::v1::CorrectionReason_descriptor()->value_count()));
  EXPECT_EQ(std::unique(found.begin(), found.end()), found.end());
  EXPECT_EQ(FindReason("wrong date"), FindReason("fel dag"));
}

TEST(CodesTest, FoldKnowsFinnishLetters) {
  EXPECT_EQ(Fold("PÄIVÄ"), "päivä");
  EXPECT_EQ(Fold("  Swapped_From "), "swapped from");
  EXPECT_EQ(Fold("RÄTTELSE Å Ö"), "rättelse å ö");
}

TEST(SheetTest, TheExampleOfTheDocumentBecomesItsDays) {
  const Sheet sheet = Parse(
      "asiakas;suunniteltu;ma 3.3.2025;ti 4.3.2025;to 6.3.2025\n"
      "A-01;6;6;S+;5,5\n"
      "A-02;6;6;V 6 5.3.2025;\n");
  ASSERT_THAT(sheet.events, SizeIs(5));
  EXPECT_EQ(sheet.clients, 2u);
  // By date, then by row.
  EXPECT_THAT(
      sheet.events,
      ElementsAre(Field(&SheetEvent::date, "2025-03-03"), Field(&SheetEvent::date, "2025-03-03"),
                  Field(&SheetEvent::date, "2025-03-04"), Field(&SheetEvent::date, "2025-03-04"),
                  Field(&SheetEvent::date, "2025-03-06")));
  EXPECT_EQ(sheet.events[0].case_id, Case(1));
  EXPECT_EQ(sheet.events[1].case_id, Case(2));
  EXPECT_EQ(Recorded(sheet, 0).actual_minutes(), 360u);
  EXPECT_EQ(Recorded(sheet, 0).planned_minutes(), 360u);
  EXPECT_EQ(Recorded(sheet, 0).attendance_class(), event::v1::ATTENDANCE_CLASS_ATTENDED);
  EXPECT_EQ(Recorded(sheet, 0).outcome(), event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_EQ(Recorded(sheet, 2).attendance_class(), event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
  EXPECT_TRUE(Recorded(sheet, 2).certificate_seen());
  EXPECT_EQ(Recorded(sheet, 2).actual_minutes(), 0u);
  EXPECT_EQ(Recorded(sheet, 3).attendance_class(), event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP);
  EXPECT_EQ(Recorded(sheet, 3).swapped_from(), "2025-03-05");
  EXPECT_EQ(Recorded(sheet, 4).actual_minutes(), 330u);
}

TEST(SheetTest, EveryCodeGivesItsClassAndOutcome) {
  for (const DayCode& code : DayCodes()) {
    std::string cell(code.code);
    if (code.attendance_class == event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP) cell += " 2025-03-05";
    const Sheet sheet = Parse("asiakas;suunniteltu;3.3.2025\nA-01;6;" + cell + "\n");
    const DayRecorded& day = Recorded(sheet, 0);
    EXPECT_EQ(day.attendance_class(), code.attendance_class);
    EXPECT_EQ(day.outcome(), code.outcome);
    EXPECT_EQ(day.actual_minutes(), code.takes_hours ? 360u : 0u);
    EXPECT_EQ(day.planned_minutes(), 360u);
    EXPECT_FALSE(day.certificate_seen());
  }
}

TEST(SheetTest, HoursInEveryWritingAreTheSameMinutes) {
  for (const std::string_view hours : {"5,5", "5.5", "5:30", "5,50", "05:30", "L 5,5", "l5,5"}) {
    EXPECT_EQ(
        Recorded(Parse("asiakas;3.3.2025\nA-01;" + std::string(hours) + "\n"), 0).actual_minutes(),
        330u)
        << hours;
  }
  const DayRecorded day = Recorded(Parse("asiakas;3.3.2025\nA-01;7/5,25\n"), 0);
  EXPECT_EQ(day.planned_minutes(), 420u);
  EXPECT_EQ(day.actual_minutes(), 315u);
}

TEST(SheetTest, DatesInEveryWritingAreTheSameDay) {
  for (const std::string_view date :
       {"3.3.2025", "03.03.2025", "2025-03-03", "ma 3.3.2025", "MÅ 3.3.2025", "Mon 2025-03-03"}) {
    EXPECT_EQ(Recorded(Parse("asiakas;" + std::string(date) + "\nA-01;6\n"), 0).date(),
              "2025-03-03")
        << date;
  }
}

TEST(SheetTest, CommaSeparatedFilesQuoteDecimalCommas) {
  EXPECT_EQ(Recorded(Parse("client,3.3.2025\r\nA-01,\"5,5\"\r\n"), 0).actual_minutes(), 330u);
}

TEST(SheetTest, DefaultsFillWhatTheSheetLeavesOut) {
  const Sheet sheet =
      Parse("asiakas;jakso;3.3.2025\nA-01;;L\nA-02;p-2;L\n",
            {.author_agency = "a", .planned_minutes = 300, .period_id = "p-1", .place_code = "x"});
  EXPECT_EQ(Recorded(sheet, 0).period_id(), "p-1");
  EXPECT_EQ(Recorded(sheet, 1).period_id(), "p-2");
  EXPECT_EQ(Recorded(sheet, 0).place_code(), "x");
  EXPECT_EQ(Recorded(sheet, 0).actual_minutes(), 300u);
}

TEST(SheetTest, AClientMayHaveARowForEachPeriod) {
  const Sheet sheet = Parse("asiakas;jakso;3.3.2025;4.3.2025\nA-01;p-1;6;\nA-01;p-2;;6\n");
  EXPECT_EQ(Problems(sheet), "");
  EXPECT_THAT(sheet.events, SizeIs(2));
}

TEST(SheetTest, TheLongFormTakesRecordsAndCorrections) {
  const Sheet sheet = Parse(
      "Asiakas;Päivä;Koodi;Tunnit;Todistus;Vaihdettu;Korjaus;Huomautus\n"
      "A-01;3.3.2025;;6;;;;\n"
      "A-01;4.3.2025;S;;x;;todistus saatu;\n"
      "A-02;4.3.2025;V;6;;5.3.2025;;sovittu\n"
      "A-02;3.3.2025;X;;;;Väärä asiakas;\n");
  ASSERT_THAT(sheet.events, SizeIs(4)) << Problems(sheet);
  EXPECT_EQ(Recorded(sheet, 0).actual_minutes(), 360u);
  EXPECT_TRUE(Corrected(sheet, 1).withdrawn());
  EXPECT_EQ(Corrected(sheet, 1).reason(), attendance::v1::CORRECTION_REASON_WRONG_CLIENT);
  EXPECT_EQ(Corrected(sheet, 1).outcome(), event::v1::DAY_OUTCOME_UNSPECIFIED);
  EXPECT_EQ(Corrected(sheet, 2).reason(), attendance::v1::CORRECTION_REASON_CERTIFICATE_CAME);
  EXPECT_TRUE(Corrected(sheet, 2).certificate_seen());
  EXPECT_EQ(Recorded(sheet, 3).swapped_from(), "2025-03-05");
  EXPECT_EQ(Recorded(sheet, 3).note(), "sovittu");
}

TEST(SheetTest, ACorrectionIsProposedWithAllThatItSaysUnderAnIdOfItsOwn) {
  const std::string text =
      "asiakas;päivä;koodi;tunnit;todistus;korjaus;huomautus\n"
      "A-01;3.3.2025;;7/5;;väärä aika;sovittu\n"
      "A-01;4.3.2025;S;;x;todistus saatu;\n"
      "A-02;3.3.2025;X;;;väärä asiakas;\n"
      "A-02;4.3.2025;;6;;;\n";
  const SheetOptions options{.author_agency = "FI/COM/0187690-1/yhdistys", .period_id = "j1", .place_code = "puu"};
  Sheet sheet = Parse(text, options);
  ASSERT_THAT(sheet.events, SizeIs(4)) << Problems(sheet);
  const Sheet before = Parse(text, options);
  std::vector<EventId> ids;
  for (size_t i = 0; i < sheet.events.size(); ++i) {
    SheetEvent& event = sheet.events[i];
    const bool corrects = event.message->GetDescriptor() == DayCorrected::descriptor();
    EXPECT_EQ(ProposeCorrection(event, options.author_agency), corrects);
    EXPECT_FALSE(ProposeCorrection(event, options.author_agency)) << "once";
    if (!corrects) {
      EXPECT_EQ(event.id, before.events[i].id);
      continue;
    }
    EXPECT_NE(event.id, before.events[i].id);
    ids.push_back(event.id);
    // Field by field, by name: what the two messages have in common.
    const auto& proposed = dynamic_cast<const DayCorrectionProposed&>(*event.message);
    const auto& corrected = dynamic_cast<const DayCorrected&>(*before.events[i].message);
    for (int f = 0; f < DayCorrected::descriptor()->field_count(); ++f) {
      const auto* field = DayCorrected::descriptor()->field(f);
      const auto* same = DayCorrectionProposed::descriptor()->FindFieldByName(field->name());
      if (same == nullptr) continue;
      std::string was, is;
      google::protobuf::TextFormat::PrintFieldValueToString(corrected, field, -1, &was);
      google::protobuf::TextFormat::PrintFieldValueToString(proposed, same, -1, &is);
      EXPECT_EQ(is, was) << field->name();
    }
  }
  ASSERT_THAT(ids, SizeIs(3));
  EXPECT_THAT(std::set<EventId>(ids.begin(), ids.end()), SizeIs(3));
  // The same row again is the same proposal; another provider's is another.
  Sheet again = Parse(text, options);
  for (SheetEvent& event : again.events) ProposeCorrection(event, options.author_agency);
  for (size_t i = 0; i < again.events.size(); ++i) EXPECT_EQ(again.events[i].id, sheet.events[i].id);
  Sheet others = Parse(text, options);
  for (SheetEvent& event : others.events) {
    if (!ProposeCorrection(event, "FI/COM/0187690-1/toinen")) continue;
    EXPECT_THAT(ids, Not(Contains(event.id)));
  }
}

TEST(SheetTest, TheSameSheetGivesTheSameIdsAndAnyOtherContentAnother) {
  const std::string text = "asiakas;3.3.2025;4.3.2025\nA-01;6;S\nA-02;6;P\n";
  const Sheet first = Parse(text);
  const Sheet again = Parse(text);
  // Another order of rows and columns, another separator: the same days.
  const Sheet turned = Parse("asiakas,4.3.2025,3.3.2025\nA-02,P,6\nA-01,S,6\n");
  ASSERT_THAT(first.events, SizeIs(4));
  std::vector<EventId> ids, ids_again, ids_turned;
  for (const auto& event : first.events) ids.push_back(event.id);
  for (const auto& event : again.events) ids_again.push_back(event.id);
  for (const auto& event : turned.events) ids_turned.push_back(event.id);
  EXPECT_EQ(ids, ids_again);
  std::sort(ids.begin(), ids.end());
  std::sort(ids_turned.begin(), ids_turned.end());
  EXPECT_EQ(ids, ids_turned);
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
  for (const std::string other :
       {"asiakas;3.3.2025\nA-01;5\n", "asiakas;3.3.2025\nA-01;S\n", "asiakas;5.3.2025\nA-01;6\n",
        "asiakas;paikka;3.3.2025\nA-01;y;6\n"}) {
    EXPECT_THAT(ids, Not(Contains(Parse(other).events.at(0).id))) << other;
  }
  EXPECT_NE(Parse(text, {.author_agency = "other"}).events[0].id, first.events[0].id);
}

TEST(SheetTest, OutcomesComeFromTheProfileWhereOneIsGiven) {
  config::v1::Profile profile;
  auto* rule = profile.add_absence_classes();
  rule->set_attendance_class(event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
  rule->set_outcome(event::v1::DAY_OUTCOME_ABSENT_OTHER);
  rule->set_valid_from("2025-03-04");
  SheetOptions options{.author_agency = "a", .profile = &profile};
  EXPECT_EQ(Recorded(Parse("asiakas;4.3.2025\nA-01;S\n", options), 0).outcome(),
            event::v1::DAY_OUTCOME_ABSENT_OTHER);
  ExpectRefused("asiakas;3.3.2025\nA-01;S\n", 2, 2, "no single rule", options);
  rule = profile.add_absence_classes();
  rule->set_attendance_class(event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
  rule->set_outcome(event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  ExpectRefused("asiakas;4.3.2025\nA-01;S\n", 2, 2, "no single rule", options);
}

// ---- Refused ----

TEST(SheetRefusalTest, Headers) {
  ExpectRefused("nimi;3.3.2025\nA-01;6\n", 1, 0, "asiakas");
  ExpectRefused("asiakas;tunnit\nA-01;6\n", 1, 0, "no column is a day");
  ExpectRefused("asiakas;3.3.2025;yhteensä\nA-01;6;6\n", 1, 3, "known column");
  ExpectRefused("asiakas;päivä;koodi;3.3.2025\nA-01;3.3.2025;S;6\n", 1, 0,
                "wide form or the long form");
  ExpectRefused("asiakas;päivä\nA-01;3.3.2025\n", 1, 0, "koodi or tunnit");
  ExpectRefused("asiakas;asiakas;3.3.2025\nA-01;A-01;6\n", 1, 2, "already column 1");
  ExpectRefused("asiakas;korjaus;3.3.2025\nA-01;;6\n", 1, 2, "long form");
  ExpectRefused("asiakas;tapaus;3.3.2025\nA-01;x;6\n", 1, 2, "clients' file");
}

TEST(SheetRefusalTest, BadAndDuplicateDays) {
  ExpectRefused("asiakas;31.2.2025\nA-01;6\n", 1, 2, "not a date");
  ExpectRefused("asiakas;3.3.\nA-01;6\n", 1, 2, "with the year");
  ExpectRefused("asiakas;3.3.25\nA-01;6\n", 1, 2, "with the year");
  ExpectRefused("asiakas;2025-13-01\nA-01;6\n", 1, 2, "not a date");
  ExpectRefused("asiakas;3.3.1925\nA-01;6\n", 1, 2, "2001");
  ExpectRefused("asiakas;ti 3.3.2025\nA-01;6\n", 1, 2, "weekday");
  ExpectRefused("asiakas;3.3.2025;2025-03-03\nA-01;6;6\n", 1, 3, "already column 2");
  ExpectRefused("asiakas;päivä;koodi\nA-01;;S\n", 2, 2, "missing");
  ExpectRefused("asiakas;päivä;koodi\nA-01;eilen;S\n", 2, 2, "not a date");
}

TEST(SheetRefusalTest, Clients) {
  ExpectRefused("asiakas;3.3.2025\nA-03;6\n", 2, 1, "not in the clients' file");
  ExpectRefused("asiakas;3.3.2025\n;6\n", 2, 1, "missing");
  ExpectRefused("asiakas;3.3.2025\nA-01;6\nA-02;6\nA-01;6\n", 4, 1, "line 2");
  ExpectRefused("asiakas;3.3.2025\na-01;6\n", 2, 1, "not in the clients' file");
}

TEST(SheetRefusalTest, UnknownCodesAndImpossibleHours) {
  for (const std::string bad :
       {"Q", "SS", "S-", "P+", "L+", "E+", "S 6", "E6", "+", "6h", "kuusi", "6;5"}) {
    if (bad.find(';') != std::string::npos) continue;
    ExpectRefused("asiakas;suunniteltu;3.3.2025\nA-01;6;" + bad + "\n", 2, 3, "2025-03-03: ");
  }
  for (const std::string bad : {"0", "0,0", "24,5", "25", "-6", "6,333", "5,33", "5:60", "5:3",
                                "100", "1e1", "6/", "/6", "6/0", "6/5/4", "6,", ","}) {
    ExpectRefused("asiakas;3.3.2025\nA-01;" + bad + "\n", 2, 2, "2025-03-03: ");
  }
  ExpectRefused("asiakas;suunniteltu;3.3.2025\nA-01;30;6\n", 2, 2, "not hours");
  ExpectRefused("asiakas;3.3.2025\nA-01;L\n", 2, 2, "planned hours");
}

TEST(SheetRefusalTest, DaySwaps) {
  ExpectRefused("asiakas;3.3.2025\nA-01;V 6\n", 2, 2, "planned day");
  ExpectRefused("asiakas;3.3.2025\nA-01;V 6 3.3.2025\n", 2, 2, "this day itself");
  ExpectRefused("asiakas;3.3.2025\nA-01;V 6 31.2.2025\n", 2, 2, "swapped day");
  ExpectRefused("asiakas;3.3.2025\nA-01;V kuusi 5.3.2025\n", 2, 2, "hours after V");
  ExpectRefused("asiakas;päivä;koodi;vaihdettu\nA-01;3.3.2025;S;5.3.2025\n", 2, 3, "only V");
  ExpectRefused("asiakas;päivä;koodi;vaihdettu\nA-01;3.3.2025;V 6 5.3.2025;6.3.2025\n", 2, 4,
                "both here");
}

TEST(SheetRefusalTest, Corrections) {
  ExpectRefused("asiakas;3.3.2025\nA-01;X\n", 2, 2, "long form");
  ExpectRefused("asiakas;päivä;koodi\nA-01;3.3.2025;X\n", 2, 3, "needs a reason");
  ExpectRefused("asiakas;päivä;koodi;korjaus\nA-01;3.3.2025;S;koska\n", 2, 4, "unknown reason");
  ExpectRefused("asiakas;päivä;koodi;tunnit;korjaus\nA-01;3.3.2025;X;6;muu syy\n", 2, 4,
                "an absence");
  ExpectRefused("asiakas;päivä;koodi;korjaus;huomautus\nA-01;3.3.2025;X;muu syy;x\n", 2, 3, "note");
}

TEST(SheetRefusalTest, RowsThatContradictThemselves) {
  ExpectRefused("asiakas;päivä;koodi;tunnit\nA-01;3.3.2025;S;6\n", 2, 4, "an absence");
  ExpectRefused("asiakas;päivä;koodi;tunnit\nA-01;3.3.2025;L 5;6\n", 2, 4, "both here");
  ExpectRefused("asiakas;päivä;koodi;tunnit\nA-01;3.3.2025;;\n", 2, 3, "neither");
  ExpectRefused("asiakas;päivä;koodi;todistus\nA-01;3.3.2025;P;x\n", 2, 4, "no certificate");
  ExpectRefused("asiakas;päivä;koodi;todistus\nA-01;3.3.2025;S;ehkä\n", 2, 4, "write x");
  ExpectRefused("asiakas;päivä;koodi;jakso\nA-01;3.3.2025;S;Jakso 1\n", 2, 4, "period");
  ExpectRefused("asiakas;päivä;koodi;huomautus\nA-01;3.3.2025;S;" + std::string(4001, 'x') + "\n",
                2, 4, "4000");
}

TEST(SheetRefusalTest, TheSameDayTwice) {
  ExpectRefused("asiakas;päivä;koodi\nA-01;3.3.2025;S\nA-01;3.3.2025;S\n", 3, 3, "line 2");
  // A record and its correction in one sheet: what holds is written once.
  ExpectRefused("asiakas;päivä;koodi;korjaus\nA-01;3.3.2025;S;\nA-01;3.3.2025;P;muu syy\n", 3, 3,
                "line 2");
  // An unnamed period might be the named one.
  ExpectRefused("asiakas;päivä;koodi;jakso\nA-01;3.3.2025;S;p-1\nA-01;3.3.2025;S;\n", 3, 3,
                "line 2");
}

TEST(SheetRefusalTest, TruncatedFilesAndWrongEncodings) {
  const std::string whole = "asiakas;3.3.2025;4.3.2025\nA-01;6;6\nA-02;6;6\n";
  EXPECT_EQ(Problems(Parse(whole)), "");
  for (size_t size = 0; size < whole.size(); ++size) {
    const bool whole_rows = whole[size == 0 ? 0 : size - 1] == '\n' && size > 30;
    const Sheet sheet = Parse(whole.substr(0, size));
    EXPECT_EQ(sheet.problems.empty(), whole_rows) << size;
    if (!whole_rows) {
      EXPECT_THAT(sheet.events, IsEmpty()) << size;
    }
  }
  ExpectRefused("asiakas;p\xE4iv\xE4;koodi\nA-01;3.3.2025;S\n", 1, 0, "Latin-1");
}

TEST(SheetRefusalTest, EmptyAndTooLargeSheets) {
  ExpectRefused("asiakas;3.3.2025\nA-01;\n", 0, 0, "no day");
  ExpectRefused("asiakas;3.3.2025\n", 0, 0, "no day");
  std::string header = "asiakas";
  std::string row_1 = "A-01", row_2 = "A-02";
  for (int month = 1; month <= 12; ++month) {
    for (int day = 1; day <= 28; ++day) {
      for (int year : {2024, 2025}) {
        header +=
            ";" + std::to_string(day) + "." + std::to_string(month) + "." + std::to_string(year);
        row_1 += ";6";
        row_2 += ";6";
      }
    }
  }
  ExpectRefused(header + "\n" + row_1 + "\n" + row_2 + "\n", 0, 0, "split it");
}

TEST(SheetRefusalTest, AllProblemsAreToldInOneGoInTheOrderOfLines) {
  const Sheet sheet = Parse(
      "asiakas;3.3.2025;4.3.2025\n"
      "A-01;Q;25\n"
      "A-09;6;6\n"
      "A-02;6;R\n");
  ASSERT_THAT(sheet.problems, SizeIs(4));
  EXPECT_EQ(sheet.problems[0].line, 2u);
  EXPECT_EQ(sheet.problems[1].column, 3u);
  EXPECT_EQ(sheet.problems[2].line, 3u);
  EXPECT_EQ(sheet.problems[3].line, 4u);
}

TEST(SheetRefusalTest, NoProblemRepeatsWhatStandsInACell) {
  const std::string secret = "010190-900A";
  for (const std::string& text :
       {"asiakas;3.3.2025\n" + secret + ";6\n", "asiakas;3.3.2025\nA-01;" + secret + "\n",
        "asiakas;" + secret + "\nA-01;6\n", "asiakas;päivä;koodi\nA-01;" + secret + ";S\n",
        "asiakas;päivä;koodi;korjaus\nA-01;3.3.2025;S;" + secret + "\n",
        "asiakas;päivä;koodi;jakso\nA-01;3.3.2025;S;" + secret + "\n"}) {
    const Sheet sheet = Parse(text);
    EXPECT_THAT(sheet.problems, Not(IsEmpty())) << text;
    EXPECT_THAT(Problems(sheet), Not(HasSubstr(secret)));
  }
}

// ---- The clients' file ----

TEST(ClientsTest, MapsReferencesToCases) {
  std::vector<Problem> problems;
  const Clients clients = ParseClients(
      "tapaus;asiakas\n00000000000000000000000000000001;A-01\n00000000-0000-0000-0000-000000000002;"
      "A-02\n",
      {}, problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(clients, TwoClients());
}

TEST(ClientsTest, RefusesWhatIsAmbiguousOrMalformed) {
  const struct {
    const char* text;
    size_t line;
    const char* told;
  } kCases[] = {
      {"asiakas\nA-01\n", 1, "tapaus"},
      {"asiakas;tapaus;muu\nA;1;2\n", 1, "not a column"},
      {"asiakas;tapaus\nA-01;123\n", 2, "32 hexadecimal"},
      {"asiakas;tapaus\nA-01;00000000000000000000000000000000\n", 2, "not all zero"},
      {"asiakas;tapaus\n;00000000000000000000000000000001\n", 2, "missing"},
      {"asiakas;tapaus\nA;00000000000000000000000000000001\nA;00000000000000000000000000000002\n",
       3, "line 2"},
      {"asiakas;tapaus\nA;00000000000000000000000000000001\nB;00000000000000000000000000000001\n",
       3, "line 2"},
  };
  for (const auto& c : kCases) {
    std::vector<Problem> problems;
    ParseClients(c.text, {}, problems);
    EXPECT_THAT(problems, Contains(AllOf(Field(&Problem::line, c.line),
                                         Field(&Problem::what, HasSubstr(c.told)))))
        << c.text;
  }
}

}  // namespace
}  // namespace polku::csv
