#include "adapters/csv/texts.h"

namespace polku::csv {

std::string Fill(const Texts& texts, SheetLanguage language,
                 std::initializer_list<std::string_view> values) {
  std::string_view text = texts[static_cast<size_t>(language)];
  std::string filled;
  for (const std::string_view value : values) {
    const size_t place = text.find("{}");
    filled += text.substr(0, place);
    filled += value;
    text.remove_prefix(place == std::string_view::npos ? text.size() : place + 2);
  }
  filled += text;
  return filled;
}

}  // namespace polku::csv
