module modules

go 1.26.0
