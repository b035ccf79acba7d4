
step 'source folder'
/usr/local/lib/landfall/fetch-source
