// Which system calls an instance may make: an allow-list as OCI data (runtime-spec, config-linux,
// "seccomp"). What is not listed answers ENOSYS, as a kernel that does not know it, so that C
// libraries fall back; what is known and refused answers EPERM.
#pragma once

#include <boost/json.hpp>

namespace moln {

boost::json::object seccomp_profile();

}  // namespace moln
