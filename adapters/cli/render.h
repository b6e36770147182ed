// An event's content as lines a person reads.
#ifndef POLKU_ADAPTERS_CLI_RENDER_H_
#define POLKU_ADAPTERS_CLI_RENDER_H_

#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/labels.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/audit/summary.h"

namespace polku::cli {

// Label and value of each field that is set, in the order of the schema. Codes become words, cents
// euros, minutes hours, agencies their names; a part of an event reads "label: value, …".
std::vector<std::pair<std::string, std::string>> RenderFields(
    const google::protobuf::Message& message, const config::v1::Agreement& agreement,
    Language language);

// "9.00 €", with what is sealed: "9.00 € + 2 sealed", "sealed", "-".
std::string RenderMoney(const audit::Money& money, Language language);
// Travel given without a price is counted: "4 in kind".
std::string RenderTravel(const audit::CaseSummary& summary, Language language);
std::string RenderPerks(const audit::CaseSummary& summary, Language language);
std::string RenderAssessed(const audit::CaseSummary& summary, Language language);
std::string RenderDue(const audit::CaseSummary& summary, Language language);
// Stage, last day and exit, e.g. "ended 2025-06-02, study".
std::string RenderStatus(const audit::CaseSummary& summary, Language language);
std::string RenderAbsences(const audit::CaseSummary& summary, Language language);
std::string RenderBenefits(const audit::CaseSummary& summary, Language language);
std::string RenderParallel(const audit::CaseSummary& summary, Language language);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_RENDER_H_
