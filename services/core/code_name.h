// The name of a code for machines to read: that of .proto without what all values of its enum share.
#ifndef POLKU_SERVICES_CORE_CODE_NAME_H_
#define POLKU_SERVICES_CORE_CODE_NAME_H_

#include <string>

#include "google/protobuf/descriptor.h"

namespace polku::service {

// "EXIT_CODE_WORK_TRIAL" of ExitCode → "work_trial". By buf's naming the values' common prefix is the enum's name in
// upper snake case; a value without it keeps its whole name.
std::string CodeName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CODE_NAME_H_
