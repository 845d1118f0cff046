// How the edge writes its access log.
#pragma once

#include <boost/describe.hpp>

namespace moln {

enum class AccessLogFormat {
    json,      // an object a line, with everything
    combined,  // Apache's combined log format, and behind it the time it took in microseconds (%D)
};
BOOST_DESCRIBE_ENUM(AccessLogFormat, json, combined)

}  // namespace moln
