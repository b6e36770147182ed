#include "services/core/finnish_ids.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace polku::service {
namespace {

constexpr size_t kIdentityCodeSize = 11;
constexpr std::string_view kCheckCharacters = "0123456789ABCDEFHJKLMNPRSTUVWXY";
static_assert(kCheckCharacters.size() == 31);

// <cctype> depends on the locale and on signedness; these do not.
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool IsSmall(char c) { return c >= 'a' && c <= 'z'; }
constexpr char ToCapital(char c) { return IsSmall(c) ? static_cast<char>(c - 'a' + 'A') : c; }

bool AllDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

// Precondition: all digits, at most 9 of them.
int Number(std::string_view digits) {
  int value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::optional<int> CenturyOf(char separator) {
  if (separator == '+') return 1800;
  if (std::string_view("-YXWVU").find(separator) != std::string_view::npos) return 1900;
  if (std::string_view("ABCDEF").find(separator) != std::string_view::npos) return 2000;
  return std::nullopt;
}

// Precondition: all digits, not empty.
char ReferenceCheckDigit(std::string_view base) {
  constexpr std::array<int, 3> kWeights = {7, 3, 1};
  int sum = 0;
  for (size_t i = 0; i < base.size(); ++i) {
    sum += (base[base.size() - 1 - i] - '0') * kWeights[i % kWeights.size()];
  }
  return static_cast<char>('0' + (10 - sum % 10) % 10);
}

bool AllZeros(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::optional<PersonalIdentity> ParsePersonalIdentityCode(std::string_view text) {
  if (text.size() != kIdentityCodeSize) return std::nullopt;
  const std::string_view date = text.substr(0, 6);
  const std::string_view individual = text.substr(7, 3);
  if (!AllDigits(date) || !AllDigits(individual)) return std::nullopt;
  const std::optional<int> century = CenturyOf(text[6]);
  if (!century) return std::nullopt;
  const int day = Number(date.substr(0, 2));
  const int month = Number(date.substr(2, 2));
  const int year = *century + Number(date.substr(4, 2));
  // CivilDay normalises 31 April to 1 May; a code with such a day is not one.
  const absl::CivilDay born(year, month, day);
  if (born.day() != day || born.month() != month) return std::nullopt;
  const int number = Number(individual);
  if (number < 2) return std::nullopt;
  const int remainder = (Number(date) * 1000 + number) % 31;
  if (text[10] != kCheckCharacters[static_cast<size_t>(remainder)]) return std::nullopt;
  return PersonalIdentity{.born = born, .female = number % 2 == 0, .for_tests = number >= 900};
}

bool ContainsPersonalIdentityCode(std::string_view text) {
  const auto is_word = [](char c) { return IsDigit(c) || IsCapital(c) || IsSmall(c); };
  for (size_t i = 0; i + kIdentityCodeSize <= text.size(); ++i) {
    if (!IsDigit(text[i]) || (i > 0 && is_word(text[i - 1]))) continue;
    const size_t end = i + kIdentityCodeSize;
    if (end < text.size() && is_word(text[end])) continue;
    std::array<char, kIdentityCodeSize> candidate;
    std::transform(text.begin() + static_cast<std::ptrdiff_t>(i),
                   text.begin() + static_cast<std::ptrdiff_t>(end), candidate.begin(), ToCapital);
    if (ParsePersonalIdentityCode({candidate.data(), candidate.size()})) return true;
  }
  return false;
}

bool IsValidIban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34) return false;
  if (!IsCapital(text[0]) || !IsCapital(text[1]) || !IsDigit(text[2]) || !IsDigit(text[3])) {
    return false;
  }
  if (text.starts_with("FI") && (text.size() != 18 || !AllDigits(text.substr(2)))) return false;
  // Check digits 00, 01 and 99 can never be computed (ISO 7064 MOD 97-10 gives 02-98), though 01
  // and 99 would pass the remainder test beside 98 and 02.
  const int check = Number(text.substr(2, 2));
  if (check < 2 || check > 98) return false;
  int remainder = 0;
  const auto add = [&remainder](char c) {
    if (IsDigit(c)) {
      remainder = (remainder * 10 + (c - '0')) % 97;
      return true;
    }
    if (!IsCapital(c)) return false;
    remainder = (remainder * 100 + (c - 'A' + 10)) % 97;
    return true;
  };
  for (char c : text.substr(4)) {
    if (!add(c)) return false;
  }
  for (char c : text.substr(0, 4)) add(c);
  return remainder == 1;
}

bool IsValidReferenceNumber(std::string_view text) {
  if (text.size() < 4 || text.size() > 20 || !AllDigits(text) || AllZeros(text)) return false;
  return text.back() == ReferenceCheckDigit(text.substr(0, text.size() - 1));
}

std::optional<std::string> MakeReferenceNumber(std::string_view base) {
  if (base.size() < 3 || base.size() > 19 || !AllDigits(base) || AllZeros(base)) {
    return std::nullopt;
  }
  return std::string(base) + ReferenceCheckDigit(base);
}

}  // namespace polku::service
