// The suite that every Volumes passes: volumes_contract.cc has the cases.
//   INSTANTIATE_TEST_SUITE_P(Fake, VolumesContract, testing::Values(make_fake_case));
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "ports/volumes.h"

namespace moln {

// Volumes under test and what they live on.
class VolumesCase {
public:
    virtual ~VolumesCase() = default;
    virtual Volumes& volumes() = 0;
    // Drops the driver as the death of the daemon does, and makes another over what is there.
    virtual void restart() = 0;
    // What an instance would write to the volume and read from it; "" if it cannot.
    virtual void write(const VolumeId& volume, const std::string& text) = 0;
    virtual std::string read(const VolumeId& volume) = 0;
    // Puts what an instance wrote into the trash, as Sandboxes::remove does.
    virtual void trash_layer(const TrashId& trash, const std::string& text) = 0;
    // Where extract() may write, not there yet; and what it wrote.
    virtual std::string new_folder() = 0;
    virtual std::string read_extracted(const std::string& folder) = 0;
};

using MakeVolumesCase = std::unique_ptr<VolumesCase> (*)();

class VolumesContract : public testing::TestWithParam<MakeVolumesCase> {
protected:
    void SetUp() override { ASSERT_TRUE(volumes().recover()); }
    VolumesCase& world() { return *case_; }
    Volumes& volumes() { return case_->volumes(); }

private:
    std::unique_ptr<VolumesCase> case_ = GetParam()();
};

}  // namespace moln
