#include "eventstore/base/clock.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "eventstore/base/status.h"

namespace polku {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Whether `text` has the form of `pattern`, in which '0' stands for a digit.
bool HasForm(std::string_view text, std::string_view pattern) {
  return text.size() == pattern.size() &&
         std::equal(text.begin(), text.end(), pattern.begin(),
                    [](char c, char p) { return p == '0' ? IsDigit(c) : c == p; });
}

int TwoDigits(std::string_view text, size_t at) {
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

absl::TimeZone FinnishTimeZone() {
  static const absl::TimeZone zone = [] {
    absl::TimeZone loaded;
    if (absl::LoadTimeZone("Europe/Helsinki", &loaded)) return loaded;
    return absl::FixedTimeZone(2 * 60 * 60);
  }();
  return zone;
}

uint64_t SaturatingNext(Order order) {
  return order.value() == std::numeric_limits<uint64_t>::max() ? order.value() : order.value() + 1;
}

}  // namespace

WallClock SystemClock() {
  return [] { return absl::Now(); };
}

Order OrderFromTime(absl::Time time) {
  return Order(static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(time))));
}

absl::Time TimeFromOrder(Order order) {
  if (order.value() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return absl::InfiniteFuture();
  }
  return absl::FromUnixMicros(static_cast<int64_t>(order.value()));
}

absl::CivilDay FinnishDay(absl::Time time) { return absl::ToCivilDay(time, FinnishTimeZone()); }

std::optional<absl::CivilDay> ParseDay(std::string_view text) {
  if (!HasForm(text, "0000-00-00")) return std::nullopt;
  const int year = TwoDigits(text, 0) * 100 + TwoDigits(text, 2);
  const int month = TwoDigits(text, 5);
  const int day = TwoDigits(text, 8);
  const absl::CivilDay result(year, month, day);
  // CivilDay normalises 30 February to a day of March.
  if (result.month() != month || result.day() != day) return std::nullopt;
  return result;
}

std::string FormatDay(absl::CivilDay day) {
  // Rules are looked up by it, for every day of a case: four digits take no printf.
  if (day.year() >= 0 && day.year() <= 9'999) {
    const auto digit = [](int64_t n) { return static_cast<char>('0' + n % 10); };
    const int64_t year = day.year();
    return {digit(year / 1'000), digit(year / 100),       digit(year / 10),      digit(year), '-',
            digit(day.month() / 10), digit(day.month()), '-', digit(day.day() / 10), digit(day.day())};
  }
  char buffer[40];
  const int size = std::snprintf(buffer, sizeof(buffer), "%04lld-%02d-%02d",
                                 static_cast<long long>(day.year()), day.month(), day.day());
  return std::string(buffer, static_cast<size_t>(size));
}

std::string FormatTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::optional<absl::Time> ParseTime(std::string_view rfc3339) {
  // absl::ParseTime also takes surrounding space, "infinite-future" and other forms.
  constexpr std::string_view kSeconds = "0000-00-00T00:00:00";
  if (!HasForm(rfc3339.substr(0, kSeconds.size()), kSeconds)) return std::nullopt;
  std::string_view rest = rfc3339.substr(kSeconds.size());
  if (!rest.empty() && rest[0] == '.') {
    size_t digits = 1;
    while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
    if (digits < 2 || digits > 10) return std::nullopt;
    rest.remove_prefix(digits);
  }
  if (rest != "Z" && !HasForm(rest, "+00:00") && !HasForm(rest, "-00:00")) return std::nullopt;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(rfc3339), &time, &error)) return std::nullopt;
  return time;
}

Order NextOrder(absl::Time now, Order previous_in_log, Order newest_cause) {
  return Order(std::max(
      {OrderFromTime(now).value(), SaturatingNext(previous_in_log), SaturatingNext(newest_cause)}));
}

}  // namespace polku
