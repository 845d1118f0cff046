// Tells when a file is moved into one of some folders: monitors write how their instances ended,
// and begin a log anew, beside and rename.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

class FolderWatch {
public:
    // Of the file's name. On the watch's own thread; rarely twice for one file.
    using Callback = std::function<void(const std::string&)>;

    FolderWatch() = default;
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    // Watches `folder`, which exists. Of one that is watched already only the callback is changed.
    // A folder that goes is forgotten. From any thread.
    Status add(const std::string& folder, Callback callback);

private:
    struct Watched {
        std::string folder;
        std::shared_ptr<const Callback> callback;
    };
    Status start();
    void run();
    void read_events();
    void tell(int watched, const std::string& name);
    void tell_all();

    std::mutex mutex_;  // guards what follows but the thread's own use of the descriptors
    std::map<int, Watched> watched_;  // by the kernel's number
    Fd inotify_;
    Fd stop_;
    std::thread thread_;
};

}  // namespace moln
