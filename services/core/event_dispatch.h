// From a message of unknown type to the function that knows its type, in one look-up.
#ifndef POLKU_SERVICES_CORE_EVENT_DISPATCH_H_
#define POLKU_SERVICES_CORE_EVENT_DISPATCH_H_

#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace polku::service {

// `Visitor` has a member `Result On(const Event&)` for each of `Events`. Immutable after
// construction; thread-safe.
template <typename Visitor, typename Result, typename... Events>
class EventDispatch {
 public:
  EventDispatch() { (Add<Events>(), ...); }

  // visitor.On(message as its own type); Result() for a message of any other type.
  Result Visit(Visitor& visitor, const google::protobuf::Message& message) const {
    const auto found = handlers_.find(message.GetReflection());
    return found == handlers_.end() ? Result() : found->second(visitor, message);
  }

  bool Knows(const google::protobuf::Message& message) const {
    return handlers_.contains(message.GetReflection());
  }

  static std::vector<std::string_view> FullNames() { return {Events::descriptor()->full_name()...}; }

 private:
  using Handler = Result (*)(Visitor&, const google::protobuf::Message&);

  template <typename Event>
  void Add() {
    // A generated class has a Reflection of its own, which a DynamicMessage of the same descriptor
    // does not share: so the cast below is always to the true class.
    handlers_[Event::default_instance().GetReflection()] =
        [](Visitor& visitor, const google::protobuf::Message& message) -> Result {
      return visitor.On(static_cast<const Event&>(message));
    };
  }

  absl::flat_hash_map<const google::protobuf::Reflection*, Handler> handlers_;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_EVENT_DISPATCH_H_
