#include "drivers/image/source_listing.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/image/sha256.h"
#include "io/file/fd.h"
#include "model/limits.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

// Names of the second level that are looked at; of the top level all are.
constexpr std::size_t k_second_level_max = 20'000;

Result<std::string> read_manifest(const std::string& path, const std::string& name) {
    // Not a link: what it leads to on this host is nothing of the app's.
    MOLN_ASSIGN(const Fd file, open_fd(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    std::string text(k_manifest_bytes_max + 1, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const auto got = read(file.get(), text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error_from_errno(errno, "read " + name));
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
    }
    if (length > k_manifest_bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: expected at most {} bytes", name, k_manifest_bytes_max));
    }
    text.resize(length);
    return text;
}

Status add_contents(const std::string& folder, const std::string& name, SourceListing& out) {
    const auto path = folder + "/" + name;
    if (fs::is_symlink(path)) {
        return fail(ErrorCode::invalid, name + " is a symbolic link: put the file itself there");
    }
    MOLN_ASSIGN(out.files[name], read_manifest(path, name));
    return {};
}

// Adds the names in a folder, each with `prefix`, and a slash if it is a folder.
Status add_names(const fs::path& folder, const std::string& prefix, std::size_t names_max,
                 SourceListing& out) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        if (out.paths.size() >= names_max) return {};
        const bool is_folder = it->is_directory() && !it->is_symlink();
        out.paths.insert(prefix + it->path().filename().string() + (is_folder ? "/" : ""));
    }
    if (error) return fail(error_from_errno(error.value(), "list " + folder.string()));
    return {};
}

std::string state_of(const std::string& path) {
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) return "";
    return fmt::format("{} {} {}", path, info.st_size, info.st_mtim.tv_sec);
}

// Python's ensurepip comes with the package python3-venv, a folder of each Python's own.
std::string find_ensurepip(const std::string& root) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root + "/usr/lib", ignored)) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with("python3.")) continue;
        const auto module = entry.path().string() + "/ensurepip/__init__.py";
        if (fs::exists(module, ignored)) return module;
    }
    return "";
}

std::string find_program(const std::string& root, std::string_view program) {
    if (program == "ensurepip") return find_ensurepip(root);
    for (const auto* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
        const auto path = fmt::format("{}{}{}", root, folder, program);
        // A link may lead to an absolute place, which is meant within the platform.
        std::error_code ignored;
        if (fs::is_symlink(path, ignored) || fs::is_regular_file(path, ignored)) return path;
    }
    return "";
}

}  // namespace

Result<SourceListing> list_source(const std::string& folder) {
    SourceListing out;
    MOLN_TRY(add_names(folder, "", k_source_files_max, out));
    const auto top = out.paths;
    for (const auto& name : top) {
        if (!name.ends_with('/')) continue;
        MOLN_TRY(add_names(fs::path(folder) / name, name, top.size() + k_second_level_max, out));
    }
    for (const auto& name : top) {
        if (is_manifest(name)) MOLN_TRY(add_contents(folder, name, out));
    }
    for (const auto& name : named_files(out)) {
        if (top.contains(name)) MOLN_TRY(add_contents(folder, name, out));
    }
    return out;
}

PlatformState look_at_platform(const std::string& name, const std::string& root) {
    PlatformState out;
    out.tools.platform = name;
    Sha256 hash;
    hash.add_text(name);
    const auto prefix = root == "/" ? std::string() : root;
    hash.add_text(state_of(prefix + "/etc/os-release"));
    for (const auto& program : platform_programs()) {
        const auto path = find_program(prefix, program.name);
        if (path.empty()) continue;
        out.tools.programs.insert(std::string(program.name));
        hash.add_text(state_of(path));
    }
    out.digest = hash.hex();
    return out;
}

}  // namespace moln
