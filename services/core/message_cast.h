// Asking a fact or an offer what it is.
#ifndef POLKU_SERVICES_CORE_MESSAGE_CAST_H_
#define POLKU_SERVICES_CORE_MESSAGE_CAST_H_

#include "google/protobuf/message.h"

namespace polku::service {

// The message as a T, borrowed; null when it is something else. A generated class has a Reflection
// of its own, which a dynamic message of the same descriptor does not share.
template <typename T>
const T* As(const google::protobuf::Message& message) {
  return message.GetReflection() == T::default_instance().GetReflection()
             ? static_cast<const T*>(&message)
             : nullptr;
}

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_MESSAGE_CAST_H_
