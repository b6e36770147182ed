#include "adapters/cli/local_text.h"

#include <algorithm>

#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"

namespace polku::cli {

std::string Say(const Texts& texts, Language language) {
  return std::string(texts[static_cast<size_t>(language)]);
}

std::string MoneyText(Cents cents, Language language) {
  std::string text = FormatEuros(cents);
  if (language != Language::kEnglish) std::replace(text.begin(), text.end(), '.', ',');
  return text;
}

std::string DayText(absl::CivilDay day, Language language) {
  return language == Language::kEnglish ? FormatDay(day) : Str(day.day(), ".", day.month(), ".", day.year());
}

std::string DayText(std::string_view day, Language language) {
  const auto parsed = ParseDay(day);
  return parsed ? DayText(*parsed, language) : Plain(day);
}

std::string MonthText(std::string_view month, Language language) {
  const auto first = ParseDay(Str(month, "-01"));
  if (!first || language == Language::kEnglish) return Plain(month);
  return Str(first->month(), "/", first->year());
}

std::string TimeText(absl::Time time, Language language) {
  const std::string text = LocalTime(time);
  if (language == Language::kEnglish) return text;
  std::string clock = text.substr(text.find(' ') + 1);
  std::replace(clock.begin(), clock.end(), ':', '.');
  return Str(DayText(FinnishDay(time), language), language == Language::kFinnish ? " klo " : " kl. ", clock);
}

}  // namespace polku::cli
