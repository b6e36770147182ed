// The form of a JSON text before it is given to a parser that is lenient where two readers could
// differ.
#ifndef POLKU_EVENTSTORE_EVIDENCE_JSON_FORM_H_
#define POLKU_EVENTSTORE_EVIDENCE_JSON_FORM_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace polku::evidence {

struct JsonLimits {
  size_t depth;    // of objects and arrays within each other
  size_t objects;  // in all
  size_t texts;    // names and strings, in all
};

// InvalidArgument, with the byte and never the content, unless the text is one JSON object (RFC
// 8259) within the limits whose names are of a-z, 0-9 and _, each once in its object, and that has
// no null.
absl::Status CheckJsonForm(std::string_view json, const JsonLimits& limits);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_JSON_FORM_H_
