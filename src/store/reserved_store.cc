#include "store/reserved_store.h"

#include <utility>

#include <fcntl.h>

#include "io/file/fd.h"
#include "io/file/files.h"

namespace moln {
namespace {

constexpr const char* k_no_key = "~";  // asked for the revision alone

class ReservedStore final : public Store {
public:
    ReservedStore(std::unique_ptr<Store> store, std::string path)
        : store_(std::move(store)), path_(std::move(path)), there_(path_exists(path_)) {
        if (const auto snapshot = store_->range(k_no_key)) revision_ = snapshot->revision;
        make_if_room();
    }

    Result<std::optional<StoreEntry>> get(const std::string& key) override {
        return store_->get(key);
    }
    Result<StoreSnapshot> range(const std::string& prefix) override {
        return store_->range(prefix);
    }
    Result<std::vector<StoreChange>> changes(const std::string& prefix, std::int64_t after,
                                             std::size_t limit) override {
        return store_->changes(prefix, after, limit);
    }

    Result<std::int64_t> commit(const StoreTxn& txn) override {
        auto revision = store_->commit(txn);
        if (!revision && revision.error().code == ErrorCode::full && give_up()) {
            // The effect of the first may be there all the same: then a second would conflict.
            const auto now = store_->range(k_no_key);
            if (!now) return revision;
            revision = now->revision == revision_ ? store_->commit(txn) : now->revision;
        }
        if (revision) {
            revision_ = *revision;
            make_if_room();
        }
        return revision;
    }

private:
    bool give_up() {
        if (!std::exchange(there_, false)) return false;
        return remove_file(path_).has_value();
    }

    // What cannot be made now is tried again with the next commit.
    void make_if_room() {
        if (there_) return;
        const auto free = free_space(path_.substr(0, path_.rfind('/')));
        if (!free || *free < k_store_reserve_room) return;
        const Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        there_ = file.valid() && ::posix_fallocate(file.get(), 0, k_store_reserve.count) == 0;
        if (!there_) static_cast<void>(remove_file(path_));
    }

    std::unique_ptr<Store> store_;
    const std::string path_;
    bool there_;
    std::int64_t revision_ = 0;
};

}  // namespace

std::unique_ptr<Store> with_reserve(std::unique_ptr<Store> store, std::string path) {
    return std::make_unique<ReservedStore>(std::move(store), std::move(path));
}

}  // namespace moln
