#include "drivers/sandbox/passwd.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drivers/sandbox/idmap.h"
#include "io/file/fd.h"
#include "io/file/files.h"

namespace moln {
namespace {

std::string read_in_root(const std::string& root, const std::string& path) {
    const auto folder = open_fd(root, O_PATH | O_DIRECTORY);
    if (!folder) return {};
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a fifo must not hold us
    how.resolve = RESOLVE_IN_ROOT;
    const Fd file(
        static_cast<int>(syscall(SYS_openat2, folder->get(), path.c_str(), &how, sizeof how)));
    struct stat info{};
    if (!file.valid() || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
    return read_rest(file, path).value_or("");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> out;
    while (true) {
        const auto at = text.find(separator);
        out.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return out;
        text.remove_prefix(at + 1);
    }
}

std::optional<std::int64_t> id_number(std::string_view text) {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value < 0 || value >= k_uids_per_instance) return std::nullopt;
    return value;
}

struct PasswdLine {
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::string name;
    std::string home;
};

// name:password:uid:gid:comment:home:shell
std::optional<PasswdLine> find_passwd(const std::string& text, std::string_view user) {
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() < 6 || (fields[0] != user && fields[2] != user)) continue;
        const auto uid = id_number(fields[2]);
        const auto gid = id_number(fields[3]);
        if (!uid || !gid) continue;
        return PasswdLine{*uid, *gid, std::string(fields[0]), std::string(fields[5])};
    }
    return std::nullopt;
}

// name:password:gid:members
std::optional<std::int64_t> find_group(const std::string& text, std::string_view group) {
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() >= 3 && fields[0] == group) return id_number(fields[2]);
    }
    return std::nullopt;
}

std::vector<std::int64_t> groups_of(const std::string& text, std::string_view user) {
    std::vector<std::int64_t> out;
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() < 4) continue;
        for (const auto member : split(fields[3], ',')) {
            const auto gid = id_number(fields[2]);
            if (member == user && gid) out.push_back(*gid);
        }
    }
    return out;
}

std::string home_without_entry(std::int64_t uid) {
    if (uid == 0) return std::string("/root");
    return uid == 1000 ? std::string("/home/app") : std::string("/");
}

}  // namespace

Result<SandboxUser> find_user_in(const std::string& root, const std::string& user) {
    const std::string wanted = user.empty() ? std::string("1000") : user;
    const auto colon = wanted.find(':');
    const auto user_part = wanted.substr(0, colon);
    const auto passwd = find_passwd(read_in_root(root, "etc/passwd"), user_part);
    const auto groups = read_in_root(root, "etc/group");
    SandboxUser found;
    if (passwd) {
        found = {.uid = passwd->uid, .gid = passwd->gid, .home = passwd->home};
        if (colon == std::string::npos) found.groups = groups_of(groups, passwd->name);
    } else if (const auto uid = id_number(user_part)) {
        found = {.uid = *uid, .gid = user.empty() ? *uid : 0, .home = home_without_entry(*uid)};
    } else {
        return fail(ErrorCode::invalid,
                    fmt::format("user {} is not in the image's /etc/passwd and is no number below "
                                "{}: name one that is",
                                user_part, k_uids_per_instance));
    }
    if (colon != std::string::npos) {
        const auto group_part = wanted.substr(colon + 1);
        auto gid = id_number(group_part);
        if (!gid) gid = find_group(groups, group_part);
        if (!gid) {
            return fail(ErrorCode::invalid,
                        fmt::format("group {} is not in the image's /etc/group", group_part));
        }
        found.gid = *gid;
    }
    if (found.home.empty()) found.home = std::string("/");
    return found;
}

}  // namespace moln
