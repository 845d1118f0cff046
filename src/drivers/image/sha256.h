// SHA-256 of bytes and files, as the hexadecimal text that names content.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;

namespace moln {

class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::string_view bytes);
    // Adds the length first, so that a sequence of texts has one meaning only.
    void add_text(std::string_view text);
    std::string hex();  // 64 characters; ends the use of this object

private:
    evp_md_ctx_st* context_;
};

std::string sha256_of(std::string_view bytes);
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace moln
