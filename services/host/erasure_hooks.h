// What the node asks of, and tells to, the part of a service that erases (erasing.h). The node folds what was
// asked and confirmed; carrying it out, the fence and the answers are behind this interface.
#ifndef POLKU_SERVICES_HOST_ERASURE_HOOKS_H_
#define POLKU_SERVICES_HOST_ERASURE_HOOKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "eventstore/base/ids.h"
#include "polku/event/v1/event.pb.h"
#include "services/access/case_access.h"

namespace polku::host {

// Called on the node's thread, from within its calls. An implementation may call Node::AppendControl,
// Node::Access, CarryOverParties and Forget from Touched and OnControl, and nothing else of the node.
class ErasureHooks {
 public:
  virtual ~ErasureHooks() = default;

  // The part of the case that the log `origin` recorded was erased here, or is being erased: a section of it
  // without its key is no loss, and when it is the own log's part, the case takes no more offers and has
  // no duties. Cheap: asked for every offered event.
  virtual bool IsErased(const CaseId& case_id, std::string_view origin) const = 0;

  // An access stream of the own log has news; `access` is its whole fold: what is confirmed, not cancelled and
  // not yet carried out is begun now. Called again for the same stream after every restart until it has
  // returned OK once, and after every news; so it must know what it has done. Unavailable or
  // ResourceExhausted: called again by a later Work().
  virtual absl::Status Touched(const CaseId& stream, const access::CaseAccess& access) = 0;

  // A control entry of a followed log was stored (the own ones the caller of AppendControl knows). What an
  // earlier run was told and did not get to is found in log::ControlEntries at the start.
  virtual absl::Status OnControl(LogNumber log, std::string_view origin, Position position,
                                 const event::v1::Header& header) = 0;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_ERASURE_HOOKS_H_
