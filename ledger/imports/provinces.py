"""Provinces as statements write them -> the two letters by which lots name them (GB/T 2260-2007, ISO 3166-2:CN)."""

from unicodedata import normalize

_LETTERS = {
    "北京": "BJ", "天津": "TJ", "河北": "HE", "山西": "SX", "内蒙古": "NM", "辽宁": "LN", "吉林": "JL", "黑龙江": "HL",
    "上海": "SH", "江苏": "JS", "浙江": "ZJ", "安徽": "AH", "福建": "FJ", "江西": "JX", "山东": "SD", "河南": "HA",
    "湖北": "HB", "湖南": "HN", "广东": "GD", "广西": "GX", "海南": "HI", "重庆": "CQ", "四川": "SC", "贵州": "GZ",
    "云南": "YN", "西藏": "XZ", "陕西": "SN", "甘肃": "GS", "青海": "QH", "宁夏": "NX", "新疆": "XJ",
}  # fmt: skip


def province_letters(text: str | None) -> str | None:
    """QH of 青海, 青海省 or QH; None where it names no province: then the book does not know whose units they are."""
    plain = "".join(normalize("NFKC", text or "").split())
    if plain.upper() in _LETTERS.values():
        return plain.upper()
    return next((letters for name, letters in _LETTERS.items() if plain.startswith(name)), None)
