// One deploy from upload to settled switch, as a stream of progress.
#pragma once

#include <memory>

#include "api/call.h"

namespace moln::api {

void deploy(std::shared_ptr<Call> call);

// The same shape for a platform image: lines, then the result.
void build_platform(std::shared_ptr<Call> call);

}  // namespace moln::api
