#include "adapters/cli/page_command.h"

#include "adapters/cli/output.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr unsigned kPageMode = 0600;  // it is about a client

}  // namespace

absl::StatusOr<PageRequest> ParsePageRequest(const Args& args) {
  const auto case_id = ParseCaseId(args.operands()[0]);
  if (!case_id || case_id->is_zero()) {
    return absl::InvalidArgumentError("CASE is 32 hexadecimal digits, not all zero");
  }
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return absl::InvalidArgumentError("--lang is fi, sv or en");
  if (args.json() && args.Has("html")) {
    return absl::InvalidArgumentError("--json or --html, not both");
  }
  const std::string file = args.Get("html");
  if (file.find(FormatCaseId(*case_id)) != std::string::npos) {
    return absl::InvalidArgumentError(
        "--html: a file's name is seen by many; leave the case's id out of it");
  }
  POLKU_ASSIGN_OR_RETURN(AccessClaim claim, ReadAccessClaim(args));
  return PageRequest{*case_id, *language, file, std::move(claim)};
}

ExitCode ShowPage(const Page& page, const std::string& html_file, Io& io) {
  if (html_file.empty()) {
    PrintText(page, io.out);
    return kExitOk;
  }
  const absl::Status written = WriteNewFile(html_file, FormatHtml(page), kPageMode);
  if (!written.ok()) return Fail(io, written);
  io.out << html_file << "\n";
  return kExitOk;
}

}  // namespace polku::cli
