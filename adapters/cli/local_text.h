// Money, days and times as a worker or client reads them in Finnish, Swedish (as written in Finland) and English. What
// a machine reads (JSON, CSV, SQLite) keeps FormatEuros or cents, FormatDay and UTC.
#ifndef POLKU_ADAPTERS_CLI_LOCAL_TEXT_H_
#define POLKU_ADAPTERS_CLI_LOCAL_TEXT_H_

#include <string>
#include <string_view>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "eventstore/base/money.h"

namespace polku::cli {

std::string Say(const Texts& texts, Language language);

std::string MoneyText(Cents cents, Language language);  // "9,00", "-0,05"; English "9.00"

std::string DayText(absl::CivilDay day, Language language);  // "3.3.2025"; English "2025-03-03"
// Of a day as events write it; anything else as it is, without control characters.
std::string DayText(std::string_view day, Language language);

std::string MonthText(std::string_view month, Language language);  // of "2025-03": "3/2025"; English "2025-03"

// In Finland: "3.3.2025 klo 10.15", "3.3.2025 kl. 10.15"; English "2025-03-03 10:15".
std::string TimeText(absl::Time time, Language language);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_LOCAL_TEXT_H_
