"""房屋信息验证: what was stated of a house beside what the sources know of it, each fact with its evidence. Pure."""
