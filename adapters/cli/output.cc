#include "adapters/cli/output.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+ €") == std::string_view::npos;
}

absl::TimeZone Finland() {
  static const absl::TimeZone zone = [] {
    absl::TimeZone loaded;
    return absl::LoadTimeZone("Europe/Helsinki", &loaded) ? loaded
                                                          : absl::FixedTimeZone(2 * 60 * 60);
  }();
  return zone;
}

}  // namespace

std::string Plain(std::string_view text) {
  std::string plain(text);
  for (size_t i = 0; i < plain.size(); ++i) {
    const auto byte = static_cast<unsigned char>(plain[i]);
    if (byte < 0x20 || byte == 0x7F) plain[i] = ' ';
    // U+0080 to U+009F are control characters too.
    if (byte == 0xC2 && i + 1 < plain.size() && static_cast<unsigned char>(plain[i + 1]) < 0xA0) {
      plain[i] = plain[i + 1] = ' ';
    }
  }
  return plain;
}

size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string PadTo(std::string text, size_t width) {
  const size_t now = Width(text);
  if (now < width) text.append(width - now, ' ');
  return text;
}

std::string LocalTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M", time, Finland());
}

std::string ExactTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S %Ez", time, Finland());
}

std::string Counted(uint64_t count, std::string_view one, std::string_view many) {
  if (count != 1 && !many.empty()) return Str(count, " ", many);
  return Str(count, " ", one, count == 1 ? "" : "s");
}

TextTable::TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void TextTable::Add(std::vector<std::string> row) {
  row.resize(rows_.front().size());
  rows_.push_back(std::move(row));
}

void TextTable::Print(std::ostream& out) const {
  const size_t columns = rows_.front().size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> numbers(columns, rows_.size() > 1);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], Width(rows_[r][c]));
      if (r > 0 && !rows_[r][c].empty() && rows_[r][c] != "-" && !IsNumber(rows_[r][c])) {
        numbers[c] = false;
      }
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      if (c > 0) line += "  ";
      const size_t pad = widths[c] - Width(row[c]);
      if (numbers[c]) line.append(pad, ' ');
      line += row[c];
      if (!numbers[c] && c + 1 < columns) line.append(pad, ' ');
    }
    out << line << "\n";
  }
}

void ProgressLine::Show(std::string_view text) {
  if (!shown_) return;
  const absl::Time now = absl::Now();
  if (now < next_) return;
  next_ = now + absl::Milliseconds(250);
  const size_t width = Width(text);
  if (io_.err_is_terminal) {
    io_.err << "\r" << text << std::string(width_ > width ? width_ - width : 0, ' ') << std::flush;
    width_ = width;
  } else {
    io_.err << text << "\n" << std::flush;
  }
}

void ProgressLine::Clear() {
  if (width_ == 0) return;
  io_.err << "\r" << std::string(width_, ' ') << "\r" << std::flush;
  width_ = 0;
}

}  // namespace polku::cli
