// The system call filter as the kernel takes it. Making it of the profile costs crun 25 ms of CPU
// at every start; the profile is the same for all, so what crun made for the first is given to it
// for the others ("run.oci.seccomp_bpf_data", crun(1)). Other runtimes know nothing of this and go
// by the profile. Kept in memory only: another moln may have another profile. Any thread.
#pragma once

#include <mutex>
#include <string>

namespace moln {

class SeccompFilter {
public:
    // As base64; "" until one is known.
    std::string text() const;
    // From the file that crun leaves in the state of an instance it created; none is no error.
    void learn(const std::string& path);

private:
    mutable std::mutex mutex_;
    std::string text_;
};

}  // namespace moln
