// The text files that a service keeps beside its keys and must not misread: a first line that names the form,
// the content, and last `sha256 ` with the lower hex digest of all before that line.
#ifndef POLKU_SERVICES_HOST_SUMMED_FILE_H_
#define POLKU_SERVICES_HOST_SUMMED_FILE_H_

#include <string>
#include <string_view>

namespace polku::host {

struct SummedText {
  std::string_view content;  // between the first line and the last, borrowed
  std::string_view problem;  // "": none; else what is wrong, and there is no content
};
// `header`: the first line with its newline.
SummedText CheckSummed(std::string_view text, std::string_view header);
// The file's text.
std::string WithSum(std::string_view header, std::string_view content);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_SUMMED_FILE_H_
