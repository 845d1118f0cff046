// Tells when a file appears in the folder where monitors write how their instances ended.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

class ExitWatch {
public:
    ExitWatch() = default;
    ~ExitWatch();
    ExitWatch(const ExitWatch&) = delete;
    ExitWatch& operator=(const ExitWatch&) = delete;

    // Watches `folder`, which exists. Once; a second call is a no-op.
    Status start(const std::string& folder);
    // Called on the watch's own thread with the file's name; rarely twice for one file.
    void on_file(std::function<void(const std::string&)> callback);

private:
    void run();
    void read_events();
    void tell(const std::string& name);
    void tell_all();

    std::mutex mutex_;  // guards callback_
    std::function<void(const std::string&)> callback_;
    std::string folder_;
    Fd inotify_;
    Fd stop_;
    std::thread thread_;
};

}  // namespace moln
