// PathTable on this machine: nftables and the kernel's table of connections. See
// ports/path_table.h. Works in the network namespace of the thread that calls.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "drivers/network/networks.h"
#include "ports/path_table.h"

namespace moln {

class RealPathTable final : public PathTable {
public:
    RealPathTable(Networks& networks, std::string base, std::function<WallTime()> wall_now)
        : networks_(networks), base_(std::move(base)), wall_now_(std::move(wall_now)) {}

    std::string cannot() override;
    std::string in_the_way() override;
    bool is_there() override;
    Status apply(const PathTableSpec& spec) override;
    Result<std::vector<PathCount>> counts() override;
    void wait(Milliseconds time) override;
    Result<std::vector<KernelFlow>> flows() override;
    Status end_flows(const std::vector<KernelFlow>& flows) override;

private:
    Networks& networks_;
    const std::string base_;
    const std::function<WallTime()> wall_now_;
};

}  // namespace moln
