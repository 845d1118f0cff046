#include "drivers/image/site_publish.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/image/sha256.h"
#include "drivers/image/site_files.h"
#include "io/coding/encoder.h"
#include "io/file/files.h"
#include "model/media_type.h"
#include "model/site.h"
#include "model/words.h"

namespace moln {
namespace {

// What is made of the same files may change with Moln: then it is another site.
constexpr std::string_view k_version = "moln site 1";
constexpr std::size_t k_hash_digits = 32;
constexpr std::size_t k_gain_min = 64;  // the fields that a coding costs in a head
constexpr std::size_t k_left_out_told = 5;
// What the edge sends page by page begins with one: a packet has room for so many and no more.
constexpr std::int64_t k_page = 4096;
constexpr std::uint64_t k_paged_min = 16u << 10;

// The hash of so many bytes of a file, as a manifest has it; nothing: they cannot be read.
std::optional<std::string> hash_of_part(const Fd& file, const SiteForm& form,
                                        std::span<char> room) {
    Sha256 hash;
    for (std::int64_t done = 0; done < form.bytes;) {
        const auto wanted = std::min<std::int64_t>(form.bytes - done, std::ssize(room));
        const auto got =
            ::pread(file.get(), room.data(), static_cast<std::size_t>(wanted), form.at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return std::nullopt;
        hash.add({room.data(), static_cast<std::size_t>(got)});
        done += got;
    }
    return hash.hex().substr(0, k_hash_digits);
}

class Publisher {
public:
    Publisher(const SitePublish& what, const ImageProgress& progress)
        : what_(what), progress_(progress) {}

    Result<PublishedSite> run() {
        MOLN_ASSIGN(found_, find_site_files(what_.app_folder, what_.spec.folder));
        MOLN_TRY(hash_files());
        warn();
        const auto place = layer_path(what_.data, out_.name);
        const bool is_there = path_exists(place);
        if (is_there && is_as_published(place)) {
            say(fmt::format("unchanged: {} is served again", out_.name));
            return std::move(out_);
        }
        MOLN_ASSIGN(folder_, what_.workspace.make_layer("site"));
        MOLN_TRY(write_content());
        MOLN_TRY(write_manifest());
        MOLN_TRY(make_folders(what_.data.sites(), 0755));
        if (is_there) {
            say(fmt::format("damaged: {} is not as it was published, and is made anew", out_.name));
            MOLN_TRY(publish_anew(folder_, place));  // who reads from the old one goes on
        } else {
            MOLN_TRY(publish(folder_, place));
        }
        say(fmt::format("published {}, {}, with what was made smaller {}",
                        count_words(std::int64_t(manifest_.files.size()), "file"),
                        size_words({std::int64_t(plain_bytes_)}),
                        size_words({manifest_.content_bytes})));
        return std::move(out_);
    }

private:
    void say(std::string line) const {
        if (progress_.line) progress_.line(std::move(line));
    }

    Status go_on() const {
        if (progress_.cancelled == nullptr || !progress_.cancelled->load()) return {};
        return fail(ErrorCode::refused, "cancelled");
    }

    template <typename Take>
    Status read_all(const std::string& path, Take&& take) {
        MOLN_ASSIGN(const auto file, open_site_file(found_, path));
        for (;;) {
            const auto got = ::read(file.get(), room_.data(), room_.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail(error_from_errno(errno, "read " + path));
            if (got == 0) return {};
            MOLN_TRY(take(std::string_view(room_.data(), static_cast<std::size_t>(got))));
        }
    }

    Status hash_files() {
        Sha256 all;
        all.add_text(k_version);
        for (const auto& file : found_.files) {
            MOLN_TRY(go_on());
            Sha256 one;
            MOLN_TRY(read_all(file.path, [&](std::string_view bytes) {
                one.add(bytes);
                return Status();
            }));
            const auto known = media_type_of(file.path);
            SiteFile entry{.path = file.path,
                           .type = known.empty() ? "application/octet-stream" : std::string(known),
                           .hash = one.hex().substr(0, k_hash_digits),
                           .forms = {}};
            all.add_text(entry.path);
            all.add_text(entry.type);
            all.add_text(entry.hash);
            manifest_.files.push_back(std::move(entry));
        }
        manifest_.made = what_.now;
        out_.name = "site-" + all.hex().substr(0, k_hash_digits);
        return {};
    }

    // A disk may have lost some of it since: then it is published anew. Of what was made smaller no
    // hash is kept: it is only known that all of it can be read.
    bool is_as_published(const std::string& place) {
        const auto text = read_file(place + "/" + k_site_manifest, k_site_manifest_bytes_max);
        if (!text) return false;
        const auto kept = from_json_text<SiteManifest>(*text);
        const auto content = open_fd(place + "/" + k_site_content, O_RDONLY | O_NOFOLLOW);
        if (!kept || !content || kept->files.size() != manifest_.files.size()) return false;
        if (::lseek(content->get(), 0, SEEK_END) != kept->content_bytes) return false;
        for (std::size_t i = 0; i < kept->files.size(); ++i) {
            const SiteFile& file = kept->files[i];
            const SiteFile& wanted = manifest_.files[i];
            const bool same = file.path == wanted.path && file.type == wanted.type &&
                              file.hash == wanted.hash && !file.forms.empty();
            if (!same || hash_of_part(*content, file.forms.front(), room_) != wanted.hash) {
                return false;
            }
            const auto is_lost = [&](const SiteForm& form) {
                return !hash_of_part(*content, form, room_);
            };
            if (std::any_of(file.forms.begin() + 1, file.forms.end(), is_lost)) return false;
        }
        return true;
    }

    bool has(std::string_view path) const {
        return std::ranges::find(manifest_.files, path, &SiteFile::path) != manifest_.files.end();
    }

    void warn() {
        const auto& spec = what_.spec;
        auto& warnings = out_.warnings;
        if (!has(spec.index) && spec.fallback.empty()) {
            warnings.push_back(
                fmt::format("the site has no {}: its first page is not found", spec.index));
        }
        if (!spec.fallback.empty() && !has(spec.fallback)) {
            warnings.push_back(
                fmt::format("the site has no {}, which is to be its fallback", spec.fallback));
        }
        const auto count = found_.left_out.size();
        if (count == 0) return;
        const auto told = std::min(count, k_left_out_told);
        warnings.push_back(
            fmt::format("left out of the site, being links or of names that no URL has: {}{}",
                        fmt::join(found_.left_out.begin(),
                                  found_.left_out.begin() + std::ptrdiff_t(told), ", "),
                        count > told ? fmt::format(" and {} more", count - told) : ""));
    }

    Status write_manifest() const {
        const auto text = to_json_text(manifest_);
        if (text.size() > k_site_manifest_bytes_max) {
            return fail(ErrorCode::refused,
                        "the names of the site's files are too long for so many of them");
        }
        return write_file(folder_ + "/" + k_site_manifest, text, 0644, Durability::unsynced);
    }

    Status write_content() {
        const auto path = folder_ + "/" + k_site_content;
        MOLN_ASSIGN(content_, open_fd(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
        // The edge's own user is to read it, whatever the umask.
        if (::fchmod(content_.get(), 0644) != 0)
            return fail(error_from_errno(errno, "chmod " + path));
        for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
            MOLN_TRY(go_on());
            MOLN_TRY(write_forms(manifest_.files[i], found_.files[i].bytes));
        }
        return {};
    }

    Status begin_at_page(std::uint64_t bytes) {
        const auto past = static_cast<std::size_t>(manifest_.content_bytes % k_page);
        if (bytes < k_paged_min || past == 0) return {};
        const std::string gap(std::size_t(k_page) - past, '\0');
        manifest_.content_bytes += static_cast<std::int64_t>(gap.size());
        return write_all(content_, gap, k_site_content);
    }

    Status write_forms(SiteFile& file, std::uint64_t bytes_seen) {
        MOLN_TRY(begin_at_page(bytes_seen));
        std::string whole;  // of one that is tried to be made smaller
        SiteForm plain{.at = manifest_.content_bytes};
        const bool text = is_compressible(file.type);
        MOLN_TRY(read_all(file.path, [&](std::string_view bytes) {
            plain.bytes += static_cast<std::int64_t>(bytes.size());
            if (text && plain.bytes <= k_site_coded_max.count) whole += bytes;
            return write_all(content_, bytes, k_site_content);
        }));
        manifest_.content_bytes += plain.bytes;
        plain_bytes_ += plain.bytes;
        file.forms.push_back(plain);
        const bool wanted = text && std::cmp_greater_equal(plain.bytes, k_site_coded_min) &&
                            plain.bytes <= k_site_coded_max.count;
        if (!wanted) return {};
        for (const auto coding : k_made_codings) MOLN_TRY(write_coded(file, coding, whole));
        return {};
    }

    Status write_coded(SiteFile& file, ContentCoding coding, std::string_view whole) {
        const auto coded = coding::encode(coding, coding::Effort::best, whole);
        if (!coded) return fail(ErrorCode::internal, "no memory to compress " + file.path);
        if (coded->size() + k_gain_min > whole.size()) return {};
        MOLN_TRY(begin_at_page(coded->size()));
        MOLN_TRY(write_all(content_, *coded, k_site_content));
        file.forms.push_back({.coding = std::string(coding_name(coding)),
                              .at = manifest_.content_bytes,
                              .bytes = static_cast<std::int64_t>(coded->size())});
        manifest_.content_bytes += file.forms.back().bytes;
        return {};
    }

    const SitePublish& what_;
    const ImageProgress& progress_;
    SourceFiles found_;
    SiteManifest manifest_;
    PublishedSite out_;
    std::string folder_;
    Fd content_;
    std::int64_t plain_bytes_ = 0;
    std::array<char, 64u << 10> room_;
};

}  // namespace

Result<PublishedSite> publish_site(const SitePublish& what, const ImageProgress& progress) {
    return Publisher(what, progress).run();
}

}  // namespace moln
