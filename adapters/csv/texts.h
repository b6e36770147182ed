// What is said about a sheet in Finnish, Swedish and English: headings, and what is wrong and what to do.
#ifndef POLKU_ADAPTERS_CSV_TEXTS_H_
#define POLKU_ADAPTERS_CSV_TEXTS_H_

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace polku::csv {

enum class SheetLanguage { kFinnish, kSwedish, kEnglish };
inline constexpr size_t kSheetLanguages = 3;

// fi, sv, en; each "{}" stands for a value, in the same order in every language.
using Texts = std::array<std::string_view, kSheetLanguages>;

// The text with its values. Precondition: as many values as the text has "{}".
std::string Fill(const Texts& texts, SheetLanguage language,
                 std::initializer_list<std::string_view> values = {});

}  // namespace polku::csv

#endif  // POLKU_ADAPTERS_CSV_TEXTS_H_
