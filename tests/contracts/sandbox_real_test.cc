// The real sandboxes against the contract. Runs inside lab/netns.sh, as root.
#include "contracts/sandbox_real_case.h"

namespace moln {
namespace {

std::unique_ptr<SandboxCase> make_real_case() {
    return std::make_unique<RealCase>();
}

INSTANTIATE_TEST_SUITE_P(Real, SandboxContract, testing::Values(make_real_case));

}  // namespace
}  // namespace moln
